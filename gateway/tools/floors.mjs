/**
 * Keeps the one rule of the house: a folder imports only folders named before it in floors.json. Beside it: no
 * import circles, stores and routes stay private, one owner per library, SQL in stores only, and the limits of
 * size (a file 350 lines, a function 70). Reads every file with oxc-parser, so that `import type`, re-exports,
 * dynamic imports and `import('…')` types count alike.
 *
 *   node gateway/tools/floors.mjs [--root FOLDER]      exit 1 and one line per fault; also when no file was seen
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync, Visitor } from 'oxc-parser'

const FILE_LINES = 350
const FUNCTION_LINES = 70
const houses = JSON.parse(readFileSync(new URL('floors.json', import.meta.url), 'utf8'))
const root = resolve(option('--root') ?? join(dirname(fileURLToPath(import.meta.url)), '../..'))

const faults = []
for (const [folder, rules] of Object.entries(houses)) {
  const house = join(root, folder)
  const names = existsSync(house) ? sourceFiles(house, rules.generated?.folder) : []
  if (names.length === 0) faults.push(`${folder}: no source file was seen, so nothing was checked`)
  const files = new Map(names.map((name) => [name, readSource(house, name)]))
  const found = [...files.values()].flatMap((file) => checkFile(file, rules)).concat(findCycles(files))
  faults.push(...found.map((fault) => `${folder}/${fault}`))
  console.log(`floors: ${names.length} files in ${folder}`)
}
for (const fault of faults) console.error(fault)
if (faults.length > 0) console.error(`floors: ${faults.length} faults`)
process.exitCode = faults.length > 0 ? 1 : 0

function option(name) {
  const at = process.argv.indexOf(name)
  return at > 0 ? process.argv[at + 1] : undefined
}

function sourceFiles(house, generated) {
  return readdirSync(house, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(sep).join('/'))
    .filter((name) => /\.(ts|tsx|mts|cts|js|mjs|cjs|jsx)$/.test(name) && !name.endsWith('.d.ts'))
    .filter((name) => name.split('/')[0] !== generated)
    .sort()
}

/** One parsed file: what it imports (with where, and whether only types), its long functions, its SQL and its calls. */
function readSource(house, name) {
  const text = readFileSync(join(house, name), 'utf8')
  const { program, errors } = parseSync(name, text, { sourceType: 'module' })
  const file = { name, isTest: /\.test\.tsx?$/.test(name), imports: [], long: [], sql: [], calls: [], errors }
  const lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)]
  const lineOf = (offset) => upperBound(lineStarts, offset)
  file.lines = text.endsWith('\n') ? lineStarts.length - 1 : lineStarts.length
  new Visitor(visitors(file, house, lineOf)).visit(program)
  return file
}

function upperBound(sorted, value) {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] <= value) low = middle + 1
    else high = middle
  }
  return low
}

function visitors(file, house, lineOf) {
  const add = (source, node, typeOnly, names) => {
    const specifier = source?.value ?? source?.quasis?.[0]?.value?.cooked
    if (typeof specifier !== 'string') return
    const target = specifier.startsWith('.') ? resolveInside(house, file.name, specifier) : undefined
    file.imports.push({ specifier, target, typeOnly, names, line: lineOf(node.start) })
  }
  const size = sizeOf(file, lineOf)
  const text = (value, node) => {
    if (looksLikeSql(value)) file.sql.push(lineOf(node.start))
  }
  return {
    ImportDeclaration: (node) => {
      const names = node.specifiers.map(({ imported }) => imported?.name ?? '*')
      add(node.source, node, onlyTypes(node.importKind, node.specifiers), names)
    },
    ExportNamedDeclaration: (node) =>
      node.source && add(node.source, node, onlyTypes(node.exportKind, node.specifiers)),
    ExportAllDeclaration: (node) => add(node.source, node, node.exportKind === 'type'),
    ImportExpression: (node) => add(node.source, node, false),
    TSImportType: (node) => add(node.source ?? node.argument?.literal ?? node.argument, node, true),
    VariableDeclarator: (node) => size.name(node.init),
    Property: (node) => size.name(node.value),
    MethodDefinition: (node) => size.name(node.value),
    FunctionDeclaration: (node) => size.enter(node, true),
    FunctionExpression: (node) => size.enter(node),
    ArrowFunctionExpression: (node) => size.enter(node),
    'FunctionDeclaration:exit': size.leave,
    'FunctionExpression:exit': size.leave,
    'ArrowFunctionExpression:exit': size.leave,
    Literal: (node) => typeof node.value === 'string' && text(node.value, node),
    TemplateElement: (node) => text(node.value.raw, node),
    CallExpression: (node) => noteCall(file, node.callee, lineOf(node.start)),
  }
}

/**
 * The lines of a function without those of the named functions inside it: a factory is as long as what it does
 * itself, and each function it returns is measured on its own. An anonymous callback counts for its parent.
 */
function sizeOf(file, lineOf) {
  const named = new Set()
  const open = []
  return {
    name: (node) => named.add(node),
    enter: (node, isNamed = named.has(node)) => open.push({ node, isNamed, inner: 0 }),
    leave: () => {
      const { node, isNamed, inner } = open.pop()
      const lines = lineOf(node.end - 1) - lineOf(node.start) + 1
      if (lines - inner > FUNCTION_LINES) file.long.push({ line: lineOf(node.start), lines: lines - inner })
      const parent = open.at(-1)
      if (parent) parent.inner += isNamed ? lines - 1 : inner
    },
  }
}

function onlyTypes(kind, specifiers = []) {
  if (kind === 'type') return true
  return specifiers.length > 0 && specifiers.every((one) => (one.importKind ?? one.exportKind) === 'type')
}

function noteCall(file, callee, line) {
  if (callee.type === 'Identifier' && callee.name === 'fetch') file.calls.push({ name: 'fetch', line })
  if (callee.type !== 'MemberExpression') return
  if (callee.property.name === 'reveal') file.calls.push({ name: 'openSealed', line })
  if (callee.property.name !== 'open') return
  const owner = callee.object.name ?? callee.object.property?.name ?? ''
  if (/sealer/i.test(owner)) file.calls.push({ name: 'openSealed', line })
}

function looksLikeSql(text) {
  return /^\s*(select\s+[\w*("$'][\s\S]*?(\bfrom\b|\()|insert\s+into\s|update\s+[\w.]+\s+set\s|delete\s+from\s|listen\s+\w+\s*$|(create|alter|drop)\s+(table|schema|role|index|database)\s)/i.test(
    text,
  )
}

/** The imported file relative to the house, or undefined when it lies outside it. */
function resolveInside(house, from, specifier) {
  const path = posix.join(posix.dirname(from), specifier)
  if (path.startsWith('..')) return undefined
  if (existsSync(join(house, path)) && posix.extname(path) !== '') return path
  return (
    ['.ts', '.tsx'].map((extension) => path + extension).find((one) => existsSync(join(house, one))) ?? path
  )
}

function checkFile(file, rules) {
  const found = file.errors.map(({ message }) => `${file.name}: does not parse: ${message}`)
  for (const one of file.imports) {
    for (const fault of checkImport(file, one, rules)) found.push(`${file.name}:${one.line} ${fault}`)
  }
  if (folderOf(file.name) !== undefined && !rules.floors.includes(folderOf(file.name))) {
    found.push(`${file.name}: the folder '${folderOf(file.name)}' has no place in gateway/tools/floors.json`)
  }
  if (folderOf(file.name) === undefined && !file.isTest && !rules.top.includes(file.name)) {
    found.push(`${file.name}: belongs in a folder; only ${rules.top.join(', ')} stand above the floors`)
  }
  if (file.isTest) return found
  if (file.lines > FILE_LINES)
    found.push(`${file.name}: ${file.lines} lines, a file has at most ${FILE_LINES}`)
  for (const { line, lines } of file.long) {
    found.push(`${file.name}:${line} a function of ${lines} lines, at most ${FUNCTION_LINES}`)
  }
  return found.concat(checkCalls(file, rules))
}

function checkCalls(file, rules) {
  const found = []
  if (rules.sql && !owns(rules.sql, file.name)) {
    for (const line of file.sql)
      found.push(`${file.name}:${line} SQL is written only in store.ts files and platform/`)
  }
  for (const { name, line } of file.calls) {
    if (!rules[name] || owns(rules[name], file.name)) continue
    const what = name === 'fetch' ? 'opens a connection with fetch()' : 'opens a sealed secret'
    found.push(`${file.name}:${line} ${what}; only ${rules[name].join(', ')} may`)
  }
  return found
}

function checkImport(file, imported, rules) {
  const { specifier, target } = imported
  if (!specifier.startsWith('.')) return checkLibrary(file, imported, rules)
  const found = []
  const climbs = specifier.split('/').filter((part) => part === '..').length
  if (climbs > rules.maxClimb && !file.isTest) found.push(`climbs ${climbs} levels: ${specifier}`)
  if (target === undefined) return found
  const [here, there] = [folderOf(file.name), folderOf(target)]
  if (there !== undefined && there === rules.generated?.folder) {
    if (!file.isTest && !owns(rules.generated.owners, file.name)) {
      found.push('touches the generated database client; only store.ts files and platform/database do')
    }
    return found
  }
  const [from, to] = [floorOf(here, rules), floorOf(there, rules)]
  if (to > from) found.push(`imports upwards: ${here ?? file.name} may not know ${there ?? target}`)
  // What a neighbour asks the server is one cache for all; its pages and parts are its own.
  const isShared = rules.shared?.some((kind) => isKind(kind, target))
  if (
    !isShared &&
    rules.apart?.includes(here) &&
    here === there &&
    file.name.split('/')[1] !== target.split('/')[1]
  ) {
    found.push(`reaches into its neighbour ${target}`)
  }
  if (isKind('store', target) && here !== there) found.push(`${target} is private to ${there}/`)
  // A folder's routes.ts may be cut into parts (`session-routes.ts`) that it mounts itself.
  const isOwnPart = here === there && basename(file.name) === 'routes.ts'
  if (
    rules.routes &&
    isKind('routes', target) &&
    !file.isTest &&
    !isOwnPart &&
    !owns(rules.routes, file.name)
  ) {
    found.push(`${target} is mounted only by ${rules.routes.join(', ')}`)
  }
  return found
}

function checkLibrary(file, { specifier, typeOnly, names: imported = ['*'] }, rules) {
  if (file.isTest) return []
  const names = Object.keys(rules.libraries).filter((name) =>
    name.endsWith('/*')
      ? specifier.startsWith(name.slice(0, -1))
      : specifier === name || specifier.startsWith(`${name}/`) || `node:${specifier}` === name,
  )
  return names
    .filter((name) => !(typeOnly && rules.typesAnywhere.includes(name)))
    .filter(
      (name) => imported.length === 0 || !imported.every((one) => rules.harmless?.[name]?.includes(one)),
    )
    .filter((name) => !owns(rules.libraries[name], file.name))
    .map((name) => `imports ${specifier}, which only ${rules.libraries[name].join(', ') || 'nobody'} may`)
}

/** `users/` owns by folder; `store` and `routes` by what the file is; `platform/metrics` and `app` by its path. */
function owns(owners, name) {
  return owners.some((owner) => {
    if (owner.endsWith('/')) return name.startsWith(owner)
    if (owner === 'store' || owner === 'routes') return isKind(owner, name)
    return name.replace(/\.tsx?$/, '') === owner
  })
}

/** `store.ts`, and `budget-store.ts` where one store had to be cut in two. */
function isKind(kind, name) {
  const stem = basename(name).replace(/\.tsx?$/, '')
  return stem === kind || stem.endsWith(`-${kind}`)
}

function folderOf(name) {
  return name.includes('/') ? name.split('/')[0] : undefined
}

function floorOf(folder, rules) {
  return folder === undefined ? rules.floors.length : rules.floors.indexOf(folder)
}

/** Depth-first search; names each circle once, by the import that closes it. */
function findCycles(files) {
  const state = new Map()
  const path = []
  const found = []
  const visit = (name) => {
    state.set(name, 'open')
    path.push(name)
    for (const { target, line } of files.get(name).imports) {
      if (target === undefined || !files.has(target)) continue
      if (state.get(target) === 'open') {
        const circle = [...path.slice(path.indexOf(target)), target].join(' → ')
        found.push(`${name}:${line} closes an import circle: ${circle}`)
      } else if (!state.has(target)) visit(target)
    }
    path.pop()
    state.set(name, 'done')
  }
  for (const name of files.keys()) if (!state.has(name)) visit(name)
  return found
}
