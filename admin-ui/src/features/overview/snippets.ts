/** The same first request in three languages. The key comes from the environment, so that no snippet holds a secret. */
export interface Snippet {
  id: 'curl' | 'node' | 'python'
  label: string
  code: (place: { baseUrl: string; model: string }) => string
}

export const snippets: readonly Snippet[] = [
  {
    id: 'curl',
    label: 'curl',
    code: ({ baseUrl, model }) =>
      [
        'export BOURSE_API_KEY="sk-brs-…"   # from Keys',
        '',
        `curl ${baseUrl}/chat/completions \\`,
        '  -H "Authorization: Bearer $BOURSE_API_KEY" \\',
        '  -H "Content-Type: application/json" \\',
        `  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Say hello."}]}'`,
      ].join('\n'),
  },
  {
    id: 'node',
    label: 'Node',
    code: ({ baseUrl, model }) =>
      [
        "import OpenAI from 'openai'",
        '',
        'const client = new OpenAI({',
        `  baseURL: '${baseUrl}',`,
        '  apiKey: process.env.BOURSE_API_KEY,',
        '})',
        '',
        'const stream = await client.chat.completions.create({',
        `  model: '${model}',`,
        "  messages: [{ role: 'user', content: 'Say hello.' }],",
        '  stream: true,',
        '})',
        "for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? '')",
      ].join('\n'),
  },
  {
    id: 'python',
    label: 'Python',
    code: ({ baseUrl, model }) =>
      [
        'import os',
        'from openai import OpenAI',
        '',
        'client = OpenAI(',
        `    base_url="${baseUrl}",`,
        '    api_key=os.environ["BOURSE_API_KEY"],',
        ')',
        '',
        'stream = client.chat.completions.create(',
        `    model="${model}",`,
        '    messages=[{"role": "user", "content": "Say hello."}],',
        '    stream=True,',
        ')',
        'for chunk in stream:',
        '    if chunk.choices:',
        '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
      ].join('\n'),
  },
]
