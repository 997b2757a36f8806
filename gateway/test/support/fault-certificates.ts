/**
 * Two certificates for 127.0.0.1 from two issuers, and their keys, which are in the open: the gateway of a test trusts
 * the first one and nobody else does; nobody trusts the second.
 */
interface Certificate {
  cert: string
  key: string
}

const known: Certificate = {
  cert: pem(
    'CERTIFICATE',
    'MIIBrjCCAVOgAwIBAgIULIQmkMBOLvpRdJj1bQJ3Wa3jqHIwCgYIKoZIzj0EAwIwHTEbMBkGA1UEAwwSbm9ib2R5IHRydXN0cyB0' +
      'aGlzMCAXDTI2MTEyMjE0MjcxNFoYDzIxMjYxMDI5MTQyNzE0WjAdMRswGQYDVQQDDBJub2JvZHkgdHJ1c3RzIHRoaXMwWTATBgcq' +
      'hkjOPQIBBggqhkjOPQMBBwNCAATJZGhbDOkzMfTH19k2ME9lTXe35xjQ/76tUoIQxS9SgP4GfHbrB2Nu4JAGQgXjJBzNlS/SBVsW' +
      't2J3m9indqIco28wbTAdBgNVHQ4EFgQUtB29+QwRfci1dccGepukCpqKJBwwHwYDVR0jBBgwFoAUtB29+QwRfci1dccGepukCpqK' +
      'JBwwDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZIzj0EAwIDSQAwRgIhAOhkb4uka0Rd' +
      'oSkISOT1NZwblFqcijYQQBHvierHLuL/AiEA+orQCHf4vukIuGKQoduym3A/Vwn6gpDdy5sEOaMDcjA=',
  ),
  key: pem(
    'PRIVATE KEY',
    'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAX3/Tv90pnPd69H2geou3HoOUFjPNTrxUL6kq6CJDTGhRANCAATJ' +
      'ZGhbDOkzMfTH19k2ME9lTXe35xjQ/76tUoIQxS9SgP4GfHbrB2Nu4JAGQgXjJBzNlS/SBVsWt2J3m9indqIc',
  ),
}

const stranger: Certificate = {
  cert: pem(
    'CERTIFICATE',
    'MIIBpDCCAUugAwIBAgIUbq55WfFMC8x6pKLHIeYGVtnH4OYwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwOYW5vdGhlciBpc3N1ZXIw' +
      'IBcNMjYxMTIyMTQzMjQ4WhgPMjEyNjEwMjkxNDMyNDhaMBkxFzAVBgNVBAMMDmFub3RoZXIgaXNzdWVyMFkwEwYHKoZIzj0CAQYI' +
      'KoZIzj0DAQcDQgAEOV3/89NfAOOtSxc8cvG2lG5X4BuXIUx0maPJ8AbR2RsyGNSczptZdIsxbVP9/3uD8oVLFXWKt7y/PeDZq0Ip' +
      'DKNvMG0wHQYDVR0OBBYEFNl/VLXyAkuVJAisrg9T2AyYwMYwMB8GA1UdIwQYMBaAFNl/VLXyAkuVJAisrg9T2AyYwMYwMA8GA1Ud' +
      'EwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAoGCCqGSM49BAMCA0cAMEQCIDg3FYh9V5KHrBWo2IAoL7WH' +
      '+Mx6vEkqW57wPtFMoCIcAiAtECSR9OPkfUUE4ZGbcZ0nNW1Jg8oGRswK0fk/7k5XyQ==',
  ),
  key: pem(
    'PRIVATE KEY',
    'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtZkqX6eK/cPq5vmbmCYUwFiGcE2pnk2iseFFBm+NeyGhRANCAAQ5' +
      'Xf/z018A461LFzxy8baUblfgG5chTHSZo8nwBtHZGzIY1JzOm1l0izFtU/3/e4PyhUsVdYq3vL894NmrQikM',
  ),
}

export const certificates = { known, stranger }

function pem(label: string, base64: string): string {
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`
}
