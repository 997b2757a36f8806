import os from 'node:os'
import { expect, test, vi } from 'vitest'
import { isOutsideAddress, isPublicAddress, isSameAddress } from './address-guard.ts'

test.each([
  '127.0.0.1',
  '127.8.8.8',
  '0.0.0.0',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.2.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '2002:7f00:1::',
  '2001:0:53aa:64c::1',
  'fc00::1',
  'fd00::1',
  'fe80::1',
  'fec0::1',
  'ff02::1',
  '100::1',
  '100:0:0:1::1',
  '2001:db8::1',
  '255.255.255.254',
  '192.0.0.192',
  '192.88.99.1',
  '203.0.113.7',
  '::ffff:169.254.169.254',
  '::ffff:168.63.129.16',
  '::ffff:0:7f00:1',
  '64:ff9b::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  'fd00:ec2::254',
  '3fff::1',
  '5f00::1',
  '4000::1',
  '9000::1',
  'fe80::1%lo',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  'localhost',
  'not an address',
  '',
])('%s is not a place on the public internet', (address) => {
  expect(isPublicAddress(address)).toBe(false)
})

test.each(['1.1.1.1', '8.8.8.8', '104.18.6.192', '2606:4700::6812:6c0'])('%s is', (address) => {
  expect(isPublicAddress(address)).toBe(true)
})

test("this machine's own public addresses are not outside", () => {
  const own = { netmask: '255.255.255.0', mac: '', internal: false, cidr: null }
  const interfaces = vi.spyOn(os, 'networkInterfaces').mockReturnValue({
    eth0: [
      { ...own, family: 'IPv4', address: '93.184.216.34' },
      { ...own, family: 'IPv6', address: '2606:4700::1', scopeid: 0 },
    ],
  })
  expect(isOutsideAddress('93.184.216.34')).toBe(false)
  expect(isOutsideAddress('::ffff:93.184.216.34')).toBe(false)
  expect(isOutsideAddress('2606:4700:0::1')).toBe(false)
  expect(isOutsideAddress('93.184.216.35')).toBe(true)
  expect(isOutsideAddress('10.0.0.1')).toBe(false)
  interfaces.mockRestore()
})

test('an address is the same in all its spellings', () => {
  expect(isSameAddress('::ffff:1.2.3.4', '1.2.3.4')).toBe(true)
  expect(isSameAddress('2606:4700:0:0::1', '2606:4700::1')).toBe(true)
  expect(isSameAddress('1.2.3.4', '1.2.3.5')).toBe(false)
  expect(isSameAddress('nonsense', 'nonsense')).toBe(false)
})
