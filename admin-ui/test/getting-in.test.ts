import { expect } from 'vitest'
import { hands } from './support/hand.ts'
import { linkMailedTo } from './support/market-scene.ts'
import { PASSWORD, raiseStage, story } from './support/real-stage.ts'
import { step } from './support/step.ts'
import { codeOf } from './support/views.ts'

const stage = raiseStage(() => ({ env: { GATEWAY_SIGN_UP: 'open' } }))

story.each(hands)('a person signs in, chooses a look and signs out $name', async (hand) => {
  const person = await stage.person({ name: 'Noor Haddad', roles: ['buyer'] })
  const { page, go } = await stage.visit()
  await go('keys')
  await step('Sign in', async () => {
    await hand.type(page.getByLabel('Email'), person.email)
    await hand.type(page.getByRole('textbox', { name: 'Password' }), 'not the password')
    await hand.press(page.getByRole('button', { name: 'Sign in', exact: true }))
    await page.getByText(/password is wrong/).waitFor()
    stage.forgive(/status of 401 .*\/api\/login/)
    await hand.type(page.getByRole('textbox', { name: 'Password' }), person.password)
    await hand.press(page.getByRole('button', { name: 'Sign in', exact: true }))
    // The page that was asked for comes after the right one.
    await page.getByRole('heading', { name: 'Keys', level: 1 }).waitFor()
  })
  await step('Choose a look', async () => {
    await hand.press(page.getByRole('button', { name: /^Theme:/ }))
    await hand.press(page.getByRole('menuitemradio', { name: 'Matrix' }))
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset.theme)).toBe('matrix')
    await page.keyboard.press('Escape')
  })
  await step('Reload the page', async () => {
    await page.reload()
    await page.getByRole('heading', { name: 'Keys', level: 1 }).waitFor()
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('matrix')
    // Nothing that a script could take away: no token, no name.
    const [kept, cookies] = await page.evaluate(() => [{ ...localStorage }, document.cookie])
    expect(kept).toEqual({ 'bourse-theme': 'matrix' })
    expect(cookies).toBe('')
    expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toMatch(/eyJ|example\.test/)
  })
  await step('Sign out', async () => {
    await hand.press(page.getByRole('button', { name: /^Signed in as/ }))
    await hand.press(page.getByRole('menuitem', { name: 'Sign out' }))
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })
})

story.each(hands)(
  'a stranger signs up, confirms the address, forgets the password and gets in again $name',
  async (hand) => {
    const { page, go } = await stage.visit()
    const email = `${hand === hands[0] ? 'rosa' : 'rosalie'}@example.test`
    await go('sign-in')
    await step('Sign up', async () => {
      await hand.press(page.getByRole('link', { name: 'Sign up' }))
      await hand.type(page.getByLabel('Name'), 'Rosa Vidal')
      await hand.type(page.getByLabel('Email'), email)
      await hand.type(page.getByRole('textbox', { name: 'Password' }), PASSWORD)
      await hand.press(page.getByRole('button', { name: 'Sign up' }))
      await page.getByRole('heading', { name: 'Look into your mail' }).waitFor()
    })
    await step('Confirm the address', async () => {
      await page.goto(await linkMailedTo(stage.gateway, email, /Confirm/))
      await hand.type(page.getByRole('textbox', { name: 'Password' }), PASSWORD)
      await hand.press(page.getByRole('button', { name: 'Confirm and sign in' }))
      await page.getByRole('navigation', { name: 'Pages' }).waitFor()
    })
    await step('Choose a new password', async () => {
      await hand.press(page.getByRole('button', { name: /^Signed in as/ }))
      await hand.press(page.getByRole('menuitem', { name: 'Sign out' }))
      await hand.press(page.getByRole('link', { name: 'Forgot your password?' }))
      await hand.type(page.getByLabel('Email'), email)
      await hand.press(page.getByRole('button', { name: 'Send the link' }))
      await page.getByText('a link is on its way').waitFor()
      await page.goto(await linkMailedTo(stage.gateway, email, /new password/))
      await hand.type(page.getByRole('textbox', { name: 'New password' }), 'another fine password')
      await hand.press(page.getByRole('button', { name: 'Change password' }))
      await page.getByRole('heading', { name: 'Your password is changed' }).waitFor()
      await hand.press(page.getByRole('link', { name: 'Sign in' }))
      await hand.type(page.getByLabel('Email'), email)
      await hand.type(page.getByRole('textbox', { name: 'Password' }), 'another fine password')
      await hand.press(page.getByRole('button', { name: 'Sign in', exact: true }))
      await page.getByRole('navigation', { name: 'Pages' }).waitFor()
    })
  },
)

story.each(hands)('a person turns two-factor sign-in on and signs in with a code $name', async (hand) => {
  const person = await stage.person({ name: 'Uma Rao', roles: ['buyer'] })
  const { page, go } = await stage.visit({ as: person })
  await go('account')
  const dialog = page.getByRole('dialog')
  const backup = await step('Turn two-factor sign-in on', async () => {
    await hand.press(page.getByRole('button', { name: 'Turn on' }))
    await hand.type(dialog.getByRole('textbox', { name: 'Your password' }), PASSWORD)
    await hand.press(dialog.getByRole('button', { name: 'Go on' }))
    await dialog.getByLabel('Code of the app').waitFor()
    await hand.type(dialog.getByLabel('Code of the app'), await codeOf(page))
    await hand.press(dialog.getByRole('button', { name: 'Turn on' }))
    await dialog.getByText('Shown only now').waitFor()
    const [code = ''] = /\w{4}(-\w{4}){3}/.exec(await dialog.innerText()) ?? []
    await hand.press(dialog.getByRole('button', { name: 'I have stored them' }))
    await page.getByText('10 backup codes are left.').waitFor()
    return code
  })
  await step('Sign in with a code', async () => {
    await hand.press(page.getByRole('button', { name: /^Signed in as/ }))
    await hand.press(page.getByRole('menuitem', { name: 'Sign out' }))
    await hand.type(page.getByLabel('Email'), person.email)
    await hand.type(page.getByRole('textbox', { name: 'Password' }), PASSWORD)
    await hand.press(page.getByRole('button', { name: 'Sign in', exact: true }))
    await hand.type(page.getByLabel('Code'), backup)
    await hand.press(page.getByRole('button', { name: 'Sign in', exact: true }))
    await page.getByRole('navigation', { name: 'Pages' }).waitFor()
  })
  stage.forgive(/status of 401 .*\/api\/login/)
})

story('a link that is used, wrong or old says so and what to do', async () => {
  const { page, go } = await stage.visit()
  for (const path of ['join', 'reset', 'verify']) {
    await go(`${path}?token=${'x'.repeat(43)}`)
    await page.getByRole('alert').waitFor()
  }
  stage.forgive(/status of 4(00|04|10)/)
})
