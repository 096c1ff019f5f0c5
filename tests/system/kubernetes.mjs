// SPDX-License-Identifier: MIT
//
// kubernetes: deploy/kubernetes as documents, and what is wrong with them. By schema they are checked as TypeScript that says of each of which type it is:
// so a key that does not exist is found as well, which Kubernetes would ignore.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { run } from './house.mjs';

const yaml = createRequire(new URL('../service/http/package.json', import.meta.url))('js-yaml');
export const root = new URL('../..', import.meta.url).pathname;
export const folder = path.join(root, 'deploy/kubernetes');
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

// As it stands, without kustomize: the files that kustomization.yaml names, and the ConfigMaps that it makes.
export function readBase() {
  const at = (file) => fs.readFileSync(path.join(folder, 'base', file), 'utf8');
  const { resources, configMapGenerator } = yaml.load(at('kustomization.yaml'));
  return [...resources.flatMap((file) => yaml.loadAll(at(file))), ...configMapGenerator.map(({ name, files }) => ({
    apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: Object.fromEntries(files.map((file) => [file, at(file)])) }))];
}

// Debian has no kustomize that is new enough for components (4).
const kustomize = [['kustomize', ['build']], ['kubectl', ['kustomize']]].find(([program]) => {
  const { stdout } = spawnSync(program, program === 'kubectl' ? ['version', '--client'] : ['version'], { env: { ...process.env, KUBECONFIG: '/dev/null' } });
  return Number(String(stdout).match(/(?:Kustomize Version: |^)v(\d+)\./m)?.[1]) >= 4;
});
export const whyNoKustomize = kustomize ? undefined : 'needs kustomize 4, or a kubectl that has it';

export async function build(where) {
  const { code, out, err } = await run(kustomize[0], [...kustomize[1], where], { env: { KUBECONFIG: '/dev/null' } });
  if (code !== 0) throw new Error(`${where}: ${err}`);
  return yaml.loadAll(out);
}

// What the schemas of Kubernetes say against them.
export async function typeErrors(dir, documents) {
  const modules = path.join(root, 'tests/system/node_modules/kubernetes-models');
  const text = documents.map(({ apiVersion, kind, ...rest }, i) => {
    const file = path.join(modules, apiVersion, `${kind}.d.ts`);
    if (!fs.existsSync(file)) return `const kind${i}: never = ${JSON.stringify(`there is no ${kind} in ${apiVersion}`)};`;
    return `const is${i}: import(${JSON.stringify(file.slice(0, -5))}).I${kind} = ${JSON.stringify({ apiVersion, kind, ...rest }, null, 1)};`;
  }).join('\n');
  const config = { compilerOptions: { noEmit: true, strict: true, skipLibCheck: true, types: [] }, files: ['documents.ts'] };
  fs.writeFileSync(path.join(dir, 'documents.ts'), text);
  fs.writeFileSync(path.join(dir, 'tsconfig.json'), JSON.stringify(config));
  const { code, out, err } = await run(process.execPath, [path.join(root, 'web/node_modules/typescript/bin/tsc'), '--pretty', 'false', '-p', dir], { cwd: dir });
  const lines = text.split('\n');
  if (code !== 0 && !out.includes('error TS')) throw new Error(`tsc: ${out}${err}`);
  return out.split('\n').filter((line) => line.includes('error TS')).map((line) => `${line.replace(/^.*error TS/, 'TS')} (${lines[line.match(/\((\d+),/)?.[1] - 1]?.trim()})`);
}

const name = ({ kind, metadata }) => `${kind} ${metadata.name}`;
const pod = ({ spec }) => spec.template?.spec;
const containers = (workload) => [...pod(workload).initContainers ?? [], ...pod(workload).containers];
const portsOf = (workload) => containers(workload).flatMap(({ ports }) => ports ?? []);
const protocol = (port) => port.protocol ?? 'TCP';
const matches = (selector = {}, labels = {}) => Object.entries(selector).every(([key, value]) => labels[key] === value);

// How a container is told where secrets are: by files of its volumes.
function findFile(workload, container, file) {
  const mount = container.volumeMounts?.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
  const volume = pod(workload).volumes?.find((one) => one.name === mount?.name);
  return volume?.configMap !== undefined || volume?.secret?.items.some((item) => item.path === file.slice(mount.mountPath.length + 1));
}

// What they name that is not there, and what does not fit together.
export function flaws(documents) {
  const found = [], complain = (document, text) => found.push(`${name(document)}: ${text}`);
  const of = (...kinds) => documents.filter(({ kind }) => kinds.includes(kind));
  const workloads = of('Deployment', 'StatefulSet'), services = of('Service'), policies = of('NetworkPolicy');
  const selected = (selector) => workloads.filter(({ spec }) => matches(selector, spec.template.metadata.labels));

  const settings = new Set(all(read('docs/settings.md'), /^\| `([a-z_]+\.[a-z_0-9]+)`/gm).map((key) => `SHARESTREAM_${key.replace('.', '_').toUpperCase()}`));
  const variables = new Set(all(read('lib/svc/contract.h'), /"(SHARESTREAM_[A-Z_]+)"/g));
  const images = new Set(all(read('docker-compose.yml'), /^ +image: (\S+)/gm));
  const secrets = new Set(['link-key', ...read('deploy/docker/make-secrets').match(/^for name in (.*); do/m)[1].split(' ')]);
  const binaries = new Map(all(read('lib/svc/services.def'), /^X\((\w+),/gm).map((service) => [service, `${service}-svc`]));
  const programs = new Set(['env', 'install', 'sh', 'sleep', 'timeout']); // of Debian, in every image
  const paths = new Set(all(read('docs/openapi.yaml'), /^ {2}(\/\S+):$/gm));

  for (const document of documents)
    if (documents.some((other) => other !== document && name(other) === name(document))) complain(document, 'is there twice');

  for (const workload of workloads) {
    const { spec } = workload, { volumes = [], securityContext, terminationGracePeriodSeconds } = pod(workload);
    if (!matches(spec.selector.matchLabels, spec.template.metadata.labels)) complain(workload, 'does not select its own pods');
    if (workload.kind === 'StatefulSet' && !services.some(({ metadata, spec: { selector } }) => metadata.name === spec.serviceName && matches(selector, spec.template.metadata.labels)))
      complain(workload, `there is no service ${spec.serviceName} for it`);
    if (!securityContext.runAsNonRoot || securityContext.runAsUser !== 10001 || securityContext.seccompProfile?.type !== 'RuntimeDefault') complain(workload, 'is not confined');
    if (pod(workload).enableServiceLinks !== false) complain(workload, 'has names of services in its environment');
    if (!(terminationGracePeriodSeconds > 0)) complain(workload, 'does not say how long it may take to end');
    const names = portsOf(workload).map((port) => port.name).filter((port) => port !== undefined);
    if (new Set(names).size !== names.length) complain(workload, 'has two ports of one name');

    const claims = spec.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? [], mounted = containers(workload).flatMap(({ volumeMounts = [] }) => volumeMounts.map((mount) => mount.name));
    for (const volume of [...volumes.map((one) => one.name), ...claims]) if (!mounted.includes(volume)) complain(workload, `nobody mounts ${volume}`);
    for (const volume of mounted) if (![...volumes.map((one) => one.name), ...claims].includes(volume)) complain(workload, `has no volume ${volume}`);
    for (const { configMap, secret } of volumes) {
      if (configMap && !of('ConfigMap').some(({ metadata }) => metadata.name === configMap.name)) complain(workload, `there is no ConfigMap ${configMap.name}`);
      if (secret && secret.secretName !== 'sharestream') complain(workload, `the secret is called sharestream, not ${secret.secretName}`);
      for (const { key } of secret?.items ?? []) if (!secrets.has(key)) complain(workload, `nobody makes the secret ${key}`);
    }

    for (const container of containers(workload)) {
      const says = (text) => complain(workload, `${container.name}: ${text}`), { image, command, env = [], securityContext: own, resources, lifecycle } = container;
      const base = image.replace(/:[^/]*$/, '');
      if (!images.has(base)) says(`there is no image ${base}`);
      if (!own?.readOnlyRootFilesystem || own.allowPrivilegeEscalation !== false || !own.capabilities?.drop?.includes('ALL')) says('is not confined');
      if (!resources?.limits?.memory || !resources.requests?.cpu || !resources.requests.memory) says('does not say what it needs');
      for (const { name: variable, value } of env) {
        if (variable.startsWith('SHARESTREAM_') && !settings.has(variable.replace(/_FILE$/, '')) && !settings.has(variable) && !variables.has(variable)) says(`${variable} is no setting`);
        if ((variable.endsWith('_FILE') || variable === 'SHARESTREAM_CONFIG') && !findFile(workload, container, value)) says(`${variable}: ${value} is not there`);
      }
      if (new Set(env.map((one) => one.name)).size !== env.length) says('has a variable twice');
      const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'].map((probe) => container[probe]).filter(Boolean);
      if (!pod(workload).initContainers?.includes(container) && (!container.readinessProbe || !container.livenessProbe)) says('has no probes');
      for (const { httpGet } of probes.filter((probe) => probe.httpGet)) {
        if (!container.ports.some((port) => port.name === httpGet.port)) says(`has no port ${httpGet.port}`);
        if (!paths.has(httpGet.path)) says(`there is no ${httpGet.path}`);
      }
      for (const words of [command, ...[...probes, lifecycle?.preStop ?? {}].map(({ exec }) => exec?.command)].filter(Boolean)) {
        if (!programs.has(words[0])) says(`there is no program ${words[0]}`);
        const [service, verb] = words.slice(words.indexOf('call') + 1);
        if (words.includes('sharestream') && (binaries.get(service) !== base.split('/')[1] || verb !== 'Ping')) says(`its probe asks ${service} for ${verb}`);
      }
      // The name and the port by which the others find it.
      const listen = env.find((one) => one.name === 'SHARESTREAM_BUS_LISTEN')?.value.match(/^tcp:\/\/([\d.]+):(\d+)$/);
      if (listen && !probes.some(({ exec }) => exec?.command.some((word) => word.endsWith(`=tcp://127.0.0.1:${listen[2]}`))) && !probes.some(({ httpGet }) => httpGet)) says('its probe asks at another port');
    }
  }

  for (const { data } of of('ConfigMap'))
    for (const peer of yaml.load(data['config.yaml']).bus.peers) {
      const [, service, host, port] = peer.match(/^(\w+)=tcp:\/\/([\w.-]+):(\d+)$/), at = Number(port), config = { kind: 'bus.peers', metadata: { name: peer } };
      const owners = workloads.filter((workload) => containers(workload).some(({ image, env = [] }) => image.endsWith(`/${service}-svc`) && env.some(({ name: variable, value }) =>
        variable === 'SHARESTREAM_BUS_LISTEN' && value.endsWith(`:${port}`))));
      if (owners.length !== 1) complain(config, `nobody of ${service} listens there`);
      if (host === '127.0.0.1') continue;
      const { spec } = services.find(({ metadata }) => metadata.name === host) ?? {};
      if (spec?.clusterIP !== 'None' || !spec.publishNotReadyAddresses) complain(config, 'is no name of all instances');
      for (const wanted of [at, at + 1]) if (!spec?.ports.some((one) => one.port === wanted)) complain(config, `the service has no port ${wanted}`);
      if (!owners.every((owner) => matches(spec?.selector, owner.spec.template.metadata.labels))) complain(config, 'the service is of other pods');
    }

  for (const service of services) {
    const pods = selected(service.spec.selector);
    if (!pods.length) complain(service, 'selects nobody');
    for (const port of service.spec.ports)
      for (const workload of pods) {
        const target = portsOf(workload).find((one) => one.name === port.targetPort && protocol(one) === protocol(port));
        if (!target) complain(service, `${name(workload)} has no port ${port.targetPort}/${protocol(port)}`);
        else if (service.spec.clusterIP === 'None' && target.containerPort !== port.port) complain(service, `without an address of its own it cannot make ${target.containerPort} of ${port.port}`);
      }
  }
  for (const budget of of('PodDisruptionBudget')) if (selected(budget.spec.selector.matchLabels).length !== 1) complain(budget, 'is not of one workload');
  for (const scaler of of('HorizontalPodAutoscaler')) {
    const target = workloads.find((workload) => workload.kind === scaler.spec.scaleTargetRef.kind && workload.metadata.name === scaler.spec.scaleTargetRef.name);
    if (!target) complain(scaler, 'scales nobody');
    else if (target.spec.replicas !== undefined) complain(scaler, 'the number of replicas is fixed');
  }
  for (const ingress of of('Ingress'))
    for (const { http } of ingress.spec.rules)
      for (const { backend } of http.paths)
        if (!services.some(({ metadata, spec }) => metadata.name === backend.service.name && spec.ports.some((port) => port.name === backend.service.port.name))) complain(ingress, 'leads nowhere');

  // Who is let out to whom must be let in there, and the other way round. Numbers are what a policy on leaving needs, as names are of many pods.
  const numbers = (workload, port) => (typeof port.port === 'number' ? [port.port] : portsOf(workload).filter((one) => one.name === port.port && protocol(one) === protocol(port)).map((one) => one.containerPort));
  const out = new Set(), into = new Set();
  for (const policy of policies) {
    const own = selected(policy.spec.podSelector.matchLabels);
    if (!own.length) complain(policy, 'is for nobody');
    for (const [rules, side, lines] of [[policy.spec.egress, 'to', out], [policy.spec.ingress, 'from', into]])
      for (const rule of rules ?? [])
        for (const port of rule.ports ?? [])
          for (const workload of own) {
            if (side === 'from' && !numbers(workload, port).length) complain(policy, `there is no port ${port.port}/${protocol(port)}`);
            for (const { podSelector } of (rule[side] ?? []).filter((one) => one.podSelector)) {
              const others = selected(podSelector.matchLabels);
              if (!others.length) complain(policy, `there is no pod like ${JSON.stringify(podSelector.matchLabels)}`);
              for (const other of others)
                for (const number of side === 'to' ? numbers(other, port) : numbers(workload, port)) {
                  const [from, to] = side === 'to' ? [workload, other] : [other, workload];
                  if (!portsOf(to).some((one) => one.containerPort === number)) complain(policy, `${name(to)} has no port ${number}`);
                  lines.add(`${from.metadata.name} to ${to.metadata.name}:${number}/${protocol(port)}`);
                }
            }
            if (side === 'from' && !rule.from)
              for (const number of numbers(workload, port)) for (const other of workloads) into.add(`open ${other.metadata.name} to ${workload.metadata.name}:${number}/${protocol(port)}`);
          }
  }
  for (const line of out) if (!into.has(line) && !into.has(`open ${line}`)) found.push(`NetworkPolicy: ${line} is let out, but not in`);
  for (const line of into) if (!line.startsWith('open ') && !out.has(line)) found.push(`NetworkPolicy: ${line} is let in, but not out`);
  for (const workload of workloads.filter((one) => !pod(one).hostNetwork))
    if (!policies.some(({ spec }) => spec.ingress && matches(spec.podSelector.matchLabels, workload.spec.template.metadata.labels))) complain(workload, 'has no policy');
  return [...new Set(found)];
}
