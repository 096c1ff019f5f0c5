// SPDX-License-Identifier: MIT
//
// AdminJobs: what is being made of films for browsers just now.
import { admin } from '../admin';
import { api } from '../api';
import { duration, has, t } from '../i18n';
import { usePoll } from './poll';
import { Failure } from './parts';

const NAMES_EVERY_MS = 10000;

export function AdminJobs() {
  const jobs = usePoll(admin.jobs), torrents = usePoll(api.torrents, [], NAMES_EVERY_MS), found = jobs.value;
  const nameOf = (hash: string) => torrents.value?.find(({ infoHash }) => infoHash === hash)?.name || hash;
  const stateOf = (state: string) => { const key = `job.${state.split(' ')[0]}`; return has(key) ? t(key) : state; };
  return (
    <section class="part" aria-labelledby="jobs">
      <h2 id="jobs">{t('part.jobs')}</h2>
      {jobs.error !== undefined && <Failure error={jobs.error} />}
      {found && <p class="soft tiny">{t('jobs.how', { count: found.workers, encoder: found.encoder })}</p>}
      {found?.noEncoder && <p class="words" lang="en" dir="ltr">{found.noEncoder}</p>}
      {found?.jobs.length === 0 && <p class="card empty">{t('jobs.none')}</p>}
      <ul class="list">{found?.jobs.map(({ infoHash, file, what, state, waitedMs, clients }) => (
        <li key={`${infoHash} ${file} ${what}`} class="card item">
          <div>
            <div class="name"><bdi>{nameOf(infoHash)}</bdi></div>
            <div class="facts"><span dir="ltr">{what}</span><span>{stateOf(state)}</span><span>{t('jobs.since', { time: duration(waitedMs) })}</span><span>{t('jobs.viewers', { count: clients })}</span></div>
          </div>
        </li>
      ))}</ul>
    </section>
  );
}
