import { expect, test } from 'vitest'
import { variableNames } from './config.ts'
import { showSettings } from './show-settings.ts'

const planted = 'a text that may be a secret'
const everything = Object.fromEntries(variableNames.map((name) => [name, planted]))

test('of free text only what is named as harmless is shown, so a variable of tomorrow hides itself', () => {
  const shown = showSettings({ ...everything, OPENAI_API_KEY: planted }, ['OPENAI_API_KEY'])
  expect(shown.map(({ name }) => name)).toEqual([...variableNames, 'OPENAI_API_KEY'])
  const hidden = shown.filter((setting) => setting.hidden)
  expect(hidden.every(({ value }) => value === null)).toBe(true)
  expect(hidden.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'DATABASE_URL',
      'SESSION_SECRET',
      'LITELLM_MASTER_KEY',
      'GATEWAY_MASTER_KEY',
      'GATEWAY_ENCRYPTION_KEY',
      'GATEWAY_ENCRYPTION_KEYS_OLD',
      'GATEWAY_KEY_PEPPER',
      'GATEWAY_SIGNING_KEY',
      'GATEWAY_ADMIN_PASSWORD',
      'GATEWAY_METRICS_TOKEN',
      'SMTP_URL',
      'OPENAI_API_KEY',
    ]),
  )
  // Whatever could be called a secret by its name is hidden.
  const telling = shown.filter(({ name }) => /SECRET|KEY|TOKEN|PASSWORD|PEPPER|DATABASE_URL|SMTP/.test(name))
  expect(telling.filter((setting) => !setting.hidden)).toEqual([])
})

test('where the default follows from the mode, the one that holds is shown', () => {
  const held = (environment: Record<string, string>) =>
    showSettings(environment, []).flatMap(({ name, value, from }) =>
      /^(HOST|GATEWAY_MODE|GATEWAY_EARNINGS_HOLD_DAYS|GATEWAY_PAYOUT_MIN_USD|GATEWAY_ANCHOR_FILE)$/.test(name)
        ? [`${name} ${value} ${from}`]
        : [],
    )
  expect(held({ HOST: ' ' })).toEqual([
    'HOST 127.0.0.1 default',
    'GATEWAY_MODE play default',
    'GATEWAY_EARNINGS_HOLD_DAYS 0 default',
    'GATEWAY_PAYOUT_MIN_USD 1 default',
    'GATEWAY_ANCHOR_FILE .bourse/anchors.jsonl default',
  ])
  expect(held({ NODE_ENV: 'production', GATEWAY_PAYOUT_MIN_USD: '40', DATA_DIR: 'data' })).toEqual([
    'HOST 0.0.0.0 default',
    'GATEWAY_MODE live default',
    'GATEWAY_EARNINGS_HOLD_DAYS 7 default',
    'GATEWAY_PAYOUT_MIN_USD 40 environment',
    'GATEWAY_ANCHOR_FILE data/anchors.jsonl default',
  ])
})

test('a setting says where its value comes from', () => {
  const [of, none] = [
    showSettings({ LOG_LEVEL: 'warn', HOST: ' ' }, ['OPENAI_API_KEY']),
    showSettings({}, []),
  ]
  const found = (name: string) => of.find((setting) => setting.name === name)
  expect(found('LOG_LEVEL')).toEqual({ name: 'LOG_LEVEL', value: 'warn', from: 'environment', hidden: false })
  expect(found('PORT')).toEqual({ name: 'PORT', value: '4000', from: 'default', hidden: false })
  expect(found('DATABASE_URL')).toMatchObject({ value: null, from: 'unset' })
  expect(found('OPENAI_API_KEY')).toBeUndefined()
  expect(none.some(({ from }) => from === 'environment')).toBe(false)
})
