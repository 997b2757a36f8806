/** The way out for mail: an SMTP server, by its URL. */
import { createTransport } from 'nodemailer'

// A server that says nothing for so long is taken for one that is away.
const CONNECT_MS = 10_000
const SILENT_MS = 30_000
const CONNECTIONS = 2
const REPLY_MAX_CHARACTERS = 300

export interface OutgoingMail {
  /** Becomes the Message-ID, the same at every attempt, so that a mail that arrives twice is seen to be one. */
  id: string
  to: string
  subject: string
  text: string
}

export type MailOutcome =
  | { sent: true }
  /** `permanent`: the server will say the same next time. `reason` holds the server's words, never an address of ours. */
  | { sent: false; permanent: boolean; reason: string }

export interface MailSender {
  /** Never throws. */
  send(mail: OutgoingMail): Promise<MailOutcome>
  close(): void
}

/**
 * Sends by `url` (`smtp://user:password@host:587`, or `smtps:`) as `from`. With `smtp:` the connection is encrypted when
 * the server offers it. Text only: nothing is read from a file or fetched for a mail, and no header takes a line break.
 */
export function createMailSender({ url, from }: { url: string; from: string }): MailSender {
  const transport = createTransport(
    {
      url,
      pool: true,
      maxConnections: CONNECTIONS,
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: SILENT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from },
  )
  const domain = /@([^\s>]+)/.exec(from)?.[1] ?? 'bourse.invalid'
  return {
    async send({ id, to, subject, text }) {
      if (/[\r\n]/.test(to) || /[\r\n]/.test(subject))
        return { sent: false, permanent: true, reason: 'a line break in the address or the subject' }
      try {
        await transport.sendMail({
          messageId: `<${id}@${domain}>`,
          // As an object it is one address, whatever it looks like; as text it would be read as a list.
          to: { name: '', address: to },
          subject,
          text,
          headers: { 'auto-submitted': 'auto-generated' },
        })
        return { sent: true }
      } catch (error) {
        return failureOf(error)
      }
    },
    close: () => transport.close(),
  }
}

function failureOf(error: unknown): MailOutcome {
  const { responseCode, response, code, message } = (error ?? {}) as {
    responseCode?: number
    response?: string
    code?: string
    message?: string
  }
  // 5xx to the credentials is an operator's to mend, not the mail's fault: it is tried again.
  const permanent = responseCode !== undefined && responseCode >= 500 && code !== 'EAUTH'
  const words = response ?? message ?? code ?? 'no reason was given'
  return { sent: false, permanent, reason: words.replace(/\s+/g, ' ').slice(0, REPLY_MAX_CHARACTERS) }
}
