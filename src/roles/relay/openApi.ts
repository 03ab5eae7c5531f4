import { RELAY_PROBLEMS } from '../../protocol/relayProblem.js'

type Operation = {
  method: 'get' | 'put' | 'post' | 'delete'
  path: string
  /** Who may call, in words; `null` for anyone. */
  who: string | null
  summary: string
  status: number
  body?: 'application/octet-stream' | 'application/json'
  answer?: 'application/octet-stream' | 'application/json' | 'text/event-stream'
}

/** Every route once, in the order of a task's life. */
export const OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/healthz',
    who: null,
    summary: 'The process is alive',
    status: 200,
    answer: 'application/json',
  },
  {
    method: 'get',
    path: '/readyz',
    who: null,
    summary: 'Database and chain can be used',
    status: 200,
    answer: 'application/json',
  },
  {
    method: 'get',
    path: '/openapi.json',
    who: null,
    summary: 'This document',
    status: 200,
    answer: 'application/json',
  },
  {
    method: 'post',
    path: '/v1/auth/nonce',
    who: null,
    summary: 'A nonce for one sign-in, good for five minutes',
    status: 201,
    answer: 'application/json',
  },
  {
    method: 'post',
    path: '/v1/auth/session',
    who: null,
    summary: 'Signed EIP-4361 message {message, signature} → bearer token for ten minutes',
    status: 201,
    body: 'application/json',
    answer: 'application/json',
  },
  { method: 'delete', path: '/v1/auth/session', who: 'signed in', summary: 'Ends the session', status: 204 },
  {
    method: 'put',
    path: '/v1/tasks/{taskId}/arguments',
    who: 'creator, while the task is started',
    summary: 'Sealed arguments, at most 8 MiB, written once; the same bytes again are no error',
    status: 201,
    body: 'application/octet-stream',
    answer: 'application/json',
  },
  {
    method: 'get',
    path: '/v1/tasks/{taskId}/arguments',
    who: 'drawn nodes',
    summary: 'Sealed arguments',
    status: 200,
    answer: 'application/octet-stream',
  },
  {
    method: 'put',
    path: '/v1/tasks/{taskId}/results/{index}',
    who: 'uploader, while its upload is awaited',
    summary: 'One sealed result file, at most 32 MiB; may be replaced until the set is sealed',
    status: 201,
    body: 'application/octet-stream',
    answer: 'application/json',
  },
  {
    method: 'post',
    path: '/v1/tasks/{taskId}/results',
    who: 'uploader',
    summary: 'Seals the set; EIP-712 upload receipt {resultDigest, sizeBytes, signature, relay}',
    status: 200,
    answer: 'application/json',
  },
  {
    method: 'get',
    path: '/v1/tasks/{taskId}/results',
    who: 'creator',
    summary: 'The sealed set: index, size and sha256 of each file',
    status: 200,
    answer: 'application/json',
  },
  {
    method: 'get',
    path: '/v1/tasks/{taskId}/results/{index}',
    who: 'creator',
    summary: 'One sealed file; one byte range is supported',
    status: 200,
    answer: 'application/octet-stream',
  },
  {
    method: 'delete',
    path: '/v1/tasks/{taskId}',
    who: 'creator',
    summary: 'Deletes everything of the task; EIP-712 deletion receipt {taskId, deletedAt, signature, relay}',
    status: 200,
    answer: 'application/json',
  },
  {
    method: 'post',
    path: '/v1/tasks/{taskId}/dispute',
    who: 'creator, after completion',
    summary:
      "Shows the task's age key {identity, argumentsDigest}; {faulty, resultDigest, uploader, signature?}, an EIP-712 fault",
    status: 200,
    body: 'application/json',
    answer: 'application/json',
  },
  {
    method: 'get',
    path: '/v1/tasks/{taskId}/events',
    who: 'creator, drawn nodes',
    summary: 'Events status, arguments, results, and end when the task is over and its results are deleted',
    status: 200,
    answer: 'text/event-stream',
  },
  {
    method: 'get',
    path: '/v1/stats/network',
    who: null,
    summary: 'Counts and sums of the network',
    status: 200,
    answer: 'application/json',
  },
  {
    method: 'get',
    path: '/v1/stats/nodes/{address}',
    who: null,
    summary: 'Counts, success rate and earnings of one node by its wallet address',
    status: 200,
    answer: 'application/json',
  },
]

const PARAMETERS: Record<string, object> = {
  taskId: { type: 'string', pattern: '^0x[0-9a-fA-F]{64}$' },
  index: { type: 'integer', minimum: 0, maximum: 9 },
  address: { type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' },
}

/** The API as an OpenAPI 3.1 document. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of OPERATIONS) {
    const path = paths[operation.path] ?? {}
    paths[operation.path] = path
    path[operation.method] = describe(operation)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Crynux relay', version: '1', description: 'Carries sealed files; the chain decides who may.' },
    paths,
    components: {
      securitySchemes: { session: { type: 'http', scheme: 'bearer' } },
      responses: {
        Problem: {
          description: 'RFC 9457 problem with a stable code',
          content: {
            'application/problem+json': {
              schema: {
                type: 'object',
                required: ['type', 'title', 'status', 'code'],
                properties: {
                  type: { type: 'string' },
                  title: { type: 'string' },
                  status: { type: 'integer' },
                  code: { type: 'string', enum: Object.keys(RELAY_PROBLEMS) },
                  detail: { type: 'string' },
                },
              },
            },
          },
        },
      },
    },
  }
}

function describe({ who, path, summary, status, body, answer }: Operation): object {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: PARAMETERS[name] ?? { type: 'string' },
  }))
  return {
    summary: who ? `${summary} (${who})` : summary,
    ...(who ? { security: [{ session: [] }] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { required: true, content: { [body]: {} } } } : {}),
    responses: {
      [status]: { description: summary, ...(answer ? { content: { [answer]: {} } } : {}) },
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}
