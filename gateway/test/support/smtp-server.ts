import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

interface Received {
  from: string
  to: string[]
  data: string
}

/** As much of RFC 5321 as nodemailer speaks. `refuse` answers a command, or the end of the data, in place of yes. */
export async function startSmtpServer(refuse: (line: string) => string | undefined = () => undefined) {
  const mails: Received[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined)
    let mail: Received = { from: '', to: [], data: '' }
    let inData = false
    let buffer = ''
    const say = (line: string) => socket.write(`${line}\r\n`)
    const answer = (line: string): void => {
      const no = refuse(inData ? 'END' : line)
      if (inData) {
        if (line !== '.') {
          mail.data += `${line}\n`
          return
        }
        inData = false
        if (!no) mails.push(mail)
        mail = { from: '', to: [], data: '' }
        say(no ?? '250 taken')
        return
      }
      if (no) return void say(no)
      if (/^EHLO/i.test(line)) return void say('250-loopback\r\n250 8BITMIME')
      if (/^MAIL FROM/i.test(line)) mail.from = line.slice(10)
      if (/^RCPT TO/i.test(line)) mail.to.push(line.slice(8))
      inData = /^DATA/i.test(line)
      say(inData ? '354 go on' : /^QUIT/i.test(line) ? '221 bye' : '250 ok')
    }
    socket.on('data', (bytes) => {
      buffer += bytes.toString('utf8')
      const lines = buffer.split('\r\n')
      buffer = lines.pop() ?? ''
      for (const line of lines) answer(line)
    })
    say('220 loopback')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    mails,
    url: `smtp://127.0.0.1:${port}`,
    close(): Promise<unknown> {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
