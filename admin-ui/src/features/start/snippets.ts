/** The same first request in many places. With a key in hand it is written out; without one it comes from the environment. */
export interface Place {
  /** Ends in `/v1`. */
  baseUrl: string
  model: string
  /** The key that was created a moment ago; nothing else ever brings one here. */
  key?: string | undefined
}

export interface Snippet {
  id: string
  label: string
  /** What must be there before, as a command. */
  before?: string
  code: (place: Place) => string
}

const placeholder = 'sk-brs-…'

export const snippets: readonly Snippet[] = [
  { id: 'curl', label: 'curl', code: curl },
  { id: 'node', label: 'openai (Node)', before: 'npm install openai', code: node },
  { id: 'python', label: 'openai (Python)', before: 'pip install openai', code: python },
  { id: 'langchain', label: 'LangChain', before: 'pip install langchain-openai', code: langchain },
  {
    id: 'vercel',
    label: 'Vercel AI SDK',
    before: 'npm install ai @ai-sdk/openai-compatible',
    code: vercel,
  },
  { id: 'open-webui', label: 'Open WebUI', code: openWebUi },
  { id: 'librechat', label: 'LibreChat', code: libreChat },
]

function curl({ baseUrl, model, key }: Place): string {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] })
  return [
    `curl ${inShell(`${baseUrl}/chat/completions`)} \\`,
    `  -H ${key ? inShell(`Authorization: Bearer ${key}`) : '"Authorization: Bearer $BOURSE_API_KEY"'} \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d ${inShell(body)}`,
  ].join('\n')
}

function node({ baseUrl, model, key }: Place): string {
  return [
    "import OpenAI from 'openai'",
    '',
    'const client = new OpenAI({',
    `  baseURL: ${inScript(baseUrl)},`,
    `  apiKey: ${key ? inScript(key) : 'process.env.BOURSE_API_KEY'},`,
    '})',
    '',
    'const stream = await client.chat.completions.create({',
    `  model: ${inScript(model)},`,
    "  messages: [{ role: 'user', content: 'Say hello.' }],",
    '  stream: true,',
    '})',
    "for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? '')",
  ].join('\n')
}

function python({ baseUrl, model, key }: Place): string {
  return [
    ...(key ? [] : ['import os', '']),
    'from openai import OpenAI',
    '',
    'client = OpenAI(',
    `    base_url=${JSON.stringify(baseUrl)},`,
    `    api_key=${key ? JSON.stringify(key) : 'os.environ["BOURSE_API_KEY"]'},`,
    ')',
    '',
    'stream = client.chat.completions.create(',
    `    model=${JSON.stringify(model)},`,
    '    messages=[{"role": "user", "content": "Say hello."}],',
    '    stream=True,',
    ')',
    'for chunk in stream:',
    '    if chunk.choices:',
    '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
  ].join('\n')
}

function langchain({ baseUrl, model, key }: Place): string {
  return [
    ...(key ? [] : ['import os', '']),
    'from langchain_openai import ChatOpenAI',
    '',
    'llm = ChatOpenAI(',
    `    base_url=${JSON.stringify(baseUrl)},`,
    `    api_key=${key ? JSON.stringify(key) : 'os.environ["BOURSE_API_KEY"]'},`,
    `    model=${JSON.stringify(model)},`,
    ')',
    'print(llm.invoke("Say hello.").content)',
  ].join('\n')
}

function vercel({ baseUrl, model, key }: Place): string {
  return [
    "import { createOpenAICompatible } from '@ai-sdk/openai-compatible'",
    "import { streamText } from 'ai'",
    '',
    'const bourse = createOpenAICompatible({',
    "  name: 'bourse',",
    `  baseURL: ${inScript(baseUrl)},`,
    `  apiKey: ${key ? inScript(key) : 'process.env.BOURSE_API_KEY'},`,
    '})',
    '',
    `const { textStream } = streamText({ model: bourse(${inScript(model)}), prompt: 'Say hello.' })`,
    'for await (const text of textStream) process.stdout.write(text)',
  ].join('\n')
}

function openWebUi({ baseUrl, key }: Place): string {
  const reached = fromContainer(baseUrl)
  return [
    'docker run -d --name open-webui -p 3000:8080 \\',
    ...(reached === baseUrl ? [] : ['  --add-host host.docker.internal:host-gateway \\']),
    `  -e OPENAI_API_BASE_URL=${inShell(reached)} \\`,
    `  -e OPENAI_API_KEY=${key ? inShell(key) : '"$BOURSE_API_KEY"'} \\`,
    '  -v open-webui:/app/backend/data \\',
    '  ghcr.io/open-webui/open-webui:main',
  ].join('\n')
}

function libreChat({ baseUrl, model, key }: Place): string {
  return [
    '# librechat.yaml',
    'version: 1.2.1',
    'endpoints:',
    '  custom:',
    '    - name: Bourse',
    `      apiKey: ${JSON.stringify(key ?? `\${BOURSE_API_KEY}`)}`,
    `      baseURL: ${JSON.stringify(fromContainer(baseUrl))}`,
    '      models:',
    `        default: [${JSON.stringify(model)}]`,
    '        fetch: true',
    '      titleConvo: true',
    `      titleModel: ${JSON.stringify(model)}`,
  ].join('\n')
}

/** What a reader without a key has to do first. */
export const exportLine = `export BOURSE_API_KEY='${placeholder}'`

/** A container's own loopback is not this machine's. */
function fromContainer(baseUrl: string): string {
  return baseUrl.replace(/^(https?:\/\/)(localhost|127\.0\.0\.1|\[::1\])(?=[:/])/, '$1host.docker.internal')
}

/** One word of a POSIX shell. */
function inShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** A string of JavaScript in single quotes. */
function inScript(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
