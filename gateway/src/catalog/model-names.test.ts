import { expect, test } from 'vitest'
import { splitNames } from './model-names.ts'

test('the only dated snapshot, another spelling and -latest are the same model', () => {
  expect(splitNames('gpt-5.1', ['gpt-5.1', 'gpt-5.1-2025-11-13', 'gpt-5-1', 'gpt-5-1-2025-11-13'])).toEqual([
    { name: 'gpt-5.1', aliases: ['gpt-5.1-2025-11-13', 'gpt-5-1', 'gpt-5-1-2025-11-13'] },
  ])
  expect(splitNames('codestral', ['codestral-latest', 'codestral-2501'])).toEqual([
    { name: 'codestral', aliases: ['codestral-latest', 'codestral-2501'] },
  ])
})

test('a caller who pins one of several snapshots gets that one', () => {
  expect(splitNames('gpt-4o', ['gpt-4o', 'gpt-4o-2024-08-06', 'gpt-4o-2024-11-20'])).toEqual([
    { name: 'gpt-4o', aliases: [] },
    { name: 'gpt-4o-2024-08-06', aliases: [] },
    { name: 'gpt-4o-2024-11-20', aliases: [] },
  ])
})

test('another model that only shares the price is a model of its own', () => {
  expect(splitNames('gpt-5', ['gpt-5', 'gpt-5-codex', 'gpt-5-chat', 'gpt-5-chat-latest'])).toEqual([
    { name: 'gpt-5', aliases: [] },
    { name: 'gpt-5-codex', aliases: [] },
    { name: 'gpt-5-chat', aliases: ['gpt-5-chat-latest'] },
  ])
})

test('an entry known by its date is called by its undated name', () => {
  expect(splitNames('grok-4-0709', ['grok-4-0709', 'grok-4', 'grok-4-latest'])).toEqual([
    { name: 'grok-4', aliases: ['grok-4-0709', 'grok-4-latest'] },
  ])
})
