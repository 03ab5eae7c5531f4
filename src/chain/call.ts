import { chainErrorFrom } from './chainError.js'

/**
 * Awaits one request to the chain.
 *
 * @throws ChainUnreachableError, TransactionRevertedError instead of the client library's errors, which quote endpoints.
 */
export async function call<T>(request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    throw chainErrorFrom(error)
  }
}
