/** Every bound of the relay's API in one place. */
export type RelayLimits = {
  argumentsBytes: number
  resultBytes: number
  jsonBytes: number
  connections: number
  headersTimeoutMs: number
  requestTimeoutMs: number
  /** Bodies slower than this on average, after `slowBodyGraceMs`, are cut off. */
  minimumBodyBytesPerSecond: number
  slowBodyGraceMs: number
  /** Per client: requests at once, and per second afterwards. */
  requestBurst: number
  requestsPerSecond: number
  /** The same for nonces and sign-ins, which cost more. */
  signInBurst: number
  signInsPerSecond: number
  /** Event streams, of the relay and of one wallet. */
  eventStreams: number
  eventStreamsPerWallet: number
}

export const DEFAULT_RELAY_LIMITS: RelayLimits = {
  argumentsBytes: 8 * 2 ** 20,
  resultBytes: 32 * 2 ** 20,
  jsonBytes: 16 * 2 ** 10,
  connections: 2_048,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 600_000,
  minimumBodyBytesPerSecond: 8 * 2 ** 10,
  slowBodyGraceMs: 10_000,
  requestBurst: 600,
  requestsPerSecond: 100,
  signInBurst: 120,
  signInsPerSecond: 4,
  eventStreams: 1_024,
  eventStreamsPerWallet: 16,
}
