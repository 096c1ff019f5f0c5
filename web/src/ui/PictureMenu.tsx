// SPDX-License-Identifier: MIT
//
// PictureMenu: how large the picture is, how fast it goes, and on which screen.
import { useEffect, useMemo } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { askForScreen, canCast, followCast, isOwnName } from '../cast';
import { t } from '../i18n';
import { type Size, quality, setQuality } from '../quality';
import { Choices } from './Choices';
import { Dialog } from './Dialog';
import { Icon } from './Icon';
import { Notice } from './parts';

const RATES = [0.5, 0.75, 1, 1.25, 1.5, 2];

interface Props {
  video: HTMLVideoElement;
  sizes: () => Promise<Size[]>;     // the film is offered in
  isWhole: boolean;                 // the server has all of it
  rate: number;
  isRoom: boolean;                  // which decides how fast
  onRate(rate: number): void;
  toAddress(): boolean;             // see playback.ts
  onClose(): void;
}

export function PictureMenu({ video, sizes, isWhole, rate, isRoom, onRate, toAddress, onClose }: Props) {
  const found = useSignal<Size[]>([]), now = useSignal(video.videoHeight);
  useEffect(() => {
    const look = () => { now.value = video.videoHeight; };
    video.addEventListener('resize', look);
    sizes().then((all) => { found.value = all; }, () => {}); // without, there is what there always is
    return () => video.removeEventListener('resize', look);
  }, []);
  const { value: wanted } = quality, own = found.value.find(({ isOriginal }) => isOriginal), made = found.value.filter(({ isOriginal }) => !isOriginal);
  const heights = [...new Set([...made.map(({ height }) => height), ...(typeof wanted === 'number' ? [wanted] : [])])].sort((a, b) => b - a);
  return (
    <Dialog title={t('picture.title')} onClose={onClose}>
      <Choices legend={t('quality.legend')} name="quality" chosen={String(wanted)} onChoose={(id) => setQuality(id === 'auto' || id === 'original' ? id : Number(id))}
        rows={[{ id: 'auto', name: t('quality.auto'), note: now.value > 0 ? t('quality.now', { height: String(now.value) }) : undefined },
          { id: 'original', name: t('quality.original'), note: own && `${own.height}p` }, ...heights.map((height) => ({ id: String(height), name: `${height}p` }))]} />
      {!isWhole && made.length === 0 && <p class="soft tiny">{t('quality.later')}</p>}
      <fieldset class="choices">
        <legend>{t('speed.legend')}</legend>
        <div class="row wrap">
          {RATES.map((one) => <label key={one}><input type="radio" name="rate" checked={rate === one} onChange={() => onRate(one)} />{`${one}x`}</label>)}
        </div>
        {isRoom && <p class="soft tiny">{t('speed.room')}</p>}
      </fieldset>
      {canCast(video) && <OtherScreen video={video} toAddress={toAddress} />}
    </Dialog>
  );
}

function OtherScreen({ video, toAddress }: { video: HTMLVideoElement; toAddress(): boolean }) {
  const objection = useSignal<'none' | 'cannot' | 'local' | undefined>(undefined), cast = useMemo(() => followCast(video), [video]), { isAway, isFound } = cast;
  useEffect(() => () => cast.end(), [cast]);
  const ask = async () => {
    objection.value = undefined;
    if (isOwnName(location.hostname)) objection.value = 'local';
    else objection.value = toAddress() ? await askForScreen(video, isFound.value) : 'cannot';
  };
  return (
    <>
      <button type="button" class="button" onClick={ask}><Icon name="screen" />{t(isAway.value ? 'cast.leave' : 'cast.go')}</button>
      {isAway.value && <p class="soft tiny" role="status">{t('cast.isThere')}</p>}
      {objection.value && <Notice kind="warn" title={t(`cast.${objection.value}`, { host: location.hostname })} />}
    </>
  );
}
