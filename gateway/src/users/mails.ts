/**
 * What we write to people. Plain text; `{link}` is where the outbox puts the link. Mails that a stranger can cause say
 * nothing that he has typed: not even a name, which could be an advertisement.
 */
import { LINK, type MailDraft } from '../mail/mail.ts'

type Written = Omit<MailDraft, 'link'>

const letter = (...paragraphs: string[]) => `${paragraphs.join('\n\n')}\n`

export function invitationMail({ to, name, host }: { to: string; name: string; host: string }): Written {
  return {
    to,
    kind: 'invitation',
    subject: 'Your invitation to Bourse',
    text: letter(
      `Hello ${name},`,
      `an operator of the gateway at ${host} has made an account for you. Choose a password to get in:`,
      LINK,
      'The link works once, for seven days.',
    ),
  }
}

export function resetMail({ to, host }: { to: string; host: string }): Written {
  return {
    to,
    kind: 'reset',
    subject: 'Choose a new password for Bourse',
    text: letter(
      `Somebody, probably you, asked for a new password for your account at ${host}. Choose it here:`,
      LINK,
      'The link works once, for one hour. All your sessions end when the password is changed.',
      'If it was not you, do nothing: your password stays as it is.',
    ),
  }
}

export function verificationMail({ to, host }: { to: string; host: string }): Written {
  return {
    to,
    kind: 'verification',
    subject: 'Confirm your address for Bourse',
    text: letter(
      `Somebody, probably you, signed up at ${host} with this address. Confirm it here, with the password chosen there:`,
      LINK,
      'The link works once, for 24 hours.',
      'If it was not you, do nothing: without this link nobody can use the account, and it is deleted after a week.',
    ),
  }
}

/** To who signs up with an address that has an account. */
export function knownAddressMail({
  to,
  host,
  origin,
}: {
  to: string
  host: string
  origin: string
}): Written {
  return {
    to,
    kind: 'notice',
    subject: 'You have an account at Bourse already',
    text: letter(
      `Somebody, probably you, tried to sign up at ${host} with this address, which has an account already. Nothing was changed.`,
      `Sign in at ${origin}/console/sign-in, or choose a new password at ${origin}/console/reset.`,
    ),
  }
}

export function passwordChangedMail({ to, host }: { to: string; host: string }): Written {
  return {
    to,
    kind: 'notice',
    subject: 'Your password for Bourse was changed',
    text: letter(
      `The password of your account at ${host} was changed, and the sessions elsewhere were ended.`,
      'If it was not you, tell an operator of this gateway at once.',
    ),
  }
}

export function twoFactorMail({ to, host, on }: { to: string; host: string; on: boolean }): Written {
  const what = on ? 'turned on' : 'turned off'
  return {
    to,
    kind: 'notice',
    subject: `Two-factor sign-in for Bourse was ${what}`,
    text: letter(
      `Two-factor sign-in of your account at ${host} was ${what}.`,
      'If it was not you, tell an operator of this gateway at once.',
    ),
  }
}
