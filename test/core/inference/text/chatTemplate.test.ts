import { describe, expect, test } from 'vitest'
import { parseChatTemplate, renderChat } from '../../../../src/core/inference/text/chatTemplate.js'
import { parseTextArguments } from '../../../../src/core/task/arguments.js'
import { readGolden, TINY_LLAMA } from '../../../helpers/tinyLlama.js'

type Case = {
  template: string
  messages: object[]
  tools: object[] | null
  add_generation_prompt: boolean
  template_args: object
  text?: string
  error?: string
}
const golden = readGolden('chat_templates.json') as {
  templates: Record<string, string>
  bos_token: string
  eos_token: string
  cases: Case[]
}
const sources: Record<string, string> = {
  ...golden.templates,
  model_default: readGolden('tiny-llama/tokenizer_config.json').chat_template,
}

test.each(golden.cases.map((item, index) => [index, item] as const))('golden template case %i', (_, item) => {
  const render = () =>
    parseChatTemplate(sources[item.template] ?? '').render({
      bos_token: golden.bos_token,
      eos_token: golden.eos_token,
      messages: item.messages,
      tools: item.tools,
      add_generation_prompt: item.add_generation_prompt,
      ...item.template_args,
    })
  if (item.error === undefined) expect(render()).toBe(item.text)
  else expect(render).toThrow()
})

const rendered = (source: string, variables: Record<string, unknown> = {}) =>
  parseChatTemplate(source).render(variables)

// What Jinja2 3.1 prints for these, tried by hand.
test.each([
  ["{{ '  x '.strip() }}|{{ 'xxaxx'.lstrip('x') }}|{{ 'a,b,,c'.split(',', 2) }}", "x|axx|['a', 'b', ',c']"],
  [
    "{{ ' a  b '.split() }}|{{ 'a.b.c'.rsplit('.', 1) }}|{{ 'a-b'.partition('-') }}",
    "['a', 'b']|['a.b', 'c']|('a', '-', 'b')",
  ],
  ['{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 4 / 2 }} {{ 2 ** 3 }}', '3 -4 2 3.5 2.0 8'],
  ['{{ 0.00001 }} {{ 1.5 }} {{ 1.0 + 1 }} {{ 0.1 + 0.2 }}', '1e-05 1.5 2.0 0.30000000000000004'],
  ["{{ {'a': none, 'b': [true, 'it\\'s']} }}", `{'a': None, 'b': [True, "it's"]}`],
  [
    "{{ [3, 1, 2] | sort | join('-') }} {{ ['b', 'A'] | sort }} {{ [1, 1, 2] | unique | list }}",
    "1-2-3 ['A', 'b'] [1, 2]",
  ],
  [
    "{{ {'b': 1, 'a': [1, {'c': 'é'}]} | tojson(indent=2) }}",
    '{\n  "b": 1,\n  "a": [\n    1,\n    {\n      "c": "é"\n    }\n  ]\n}',
  ],
  [
    "{{ 'héllo wörld' | title }} {{ 'ABC' | capitalize }} {{ '日本' | length }} {{ '日本語'[::-1] }}",
    'Héllo Wörld Abc 2 語本日',
  ],
  [
    '{% for x in [1, 2, 3, 4] %}{{ x }}{% if x == 2 %}!{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %},{% endfor %}',
    '1,2!3',
  ],
  [
    '{% for x in [] %}a{% else %}none{% endfor %}{% for k, v in {"a": 1}.items() %}{{ k }}{{ v }}{% endfor %}',
    'nonea1',
  ],
  [
    '{% set n = namespace(a=1) %}{% for x in [1, 2] %}{% set n.a = n.a + x %}{% set y = x %}{% endfor %}{{ n.a }}{{ y is defined }}',
    '4False',
  ],
  ['{% macro box(t) %}[{{ t }}:{{ caller() }}]{% endmacro %}{% call box("a") %}{{ 1 }}{% endcall %}', '[a:1]'],
  ['{% filter upper %}ab{{ "c" }}{% endfilter %}{% generation %}x{% endgeneration %}', 'ABCx'],
  ['{% for k, v in {"a": 1, "r": 2}.items() if k != "r" %}{{ k }}{{ v }}{{ "," if not loop.last }}{% endfor %}', 'a1'],
  ['{% macro f(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, b=3) }}', '1213'],
  [
    "{% set x %}a{{ 1 }}{% endset %}{{ x }}{{ missing }}{{ missing | default('d') }}{{ '' | default('e', true) }}",
    'a1de',
  ],
  [
    "{{ 'b' in 'abc' }} {{ 'x' not in {'y': 1} }} {{ 1 in [1.0] }} {{ 1 == true }} {{ 'a' ~ none ~ 1 }}",
    'True True True True aNone1',
  ],
  ["{{ [{'r': 'a'}, {'r': 'b'}] | selectattr('r', 'equalto', 'b') | map(attribute='r') | list }}", "['b']"],
  [
    "{{ ['A', 'b'] | map('lower') | join }} {{ [1, 2, 3] | select('odd') | list }} {{ 'a\\nb' | indent }}",
    'ab [1, 3] a\n    b',
  ],
  ['{{ strftime_now is defined }}{{ none | trim }}{{ [1, 2, 3][-1] }}{{ [1, 2, 3][:-1] }}', 'FalseNone3[1, 2]'],
])('%s', (source, expected) => {
  expect(rendered(source)).toBe(expected)
})

test.each([
  ["{{ strftime_now('%Y') }}", "'strftime_now' is undefined"],
  ['{{ a.b }}', 'undefined'],
  ["{{ 'a' + 1 }}", 'unsupported operands'],
  ['{{ 1 / 0 }}', 'division by zero'],
  ['{{ [1] | wordcount }}', "there is no filter 'wordcount'"],
  ["{{ 'x' * 1000000000 }}", 'so often'],
  ["{{ raise_exception('no tools') }}", 'no tools'],
])('%s is refused', (source, complaint) => {
  expect(() => rendered(source)).toThrow(complaint)
})

test('data cannot reach into JavaScript', () => {
  expect(rendered('{{ d.constructor }}{{ d["__proto__"] }}{{ "".constructor }}{{ [].length }}', { d: {} })).toBe('')
})

describe('a chat', () => {
  const templates = (...entries: [string, string][]) => ({
    model: TINY_LLAMA,
    file: 'tokenizer_config.json',
    sources: new Map(entries),
    specialTokens: { bos_token: '<s>' },
  })
  const chat = (more: object = {}) =>
    parseTextArguments({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more })

  test('takes the template for tools when there are tools', () => {
    const both = templates(['default', 'plain'], ['tool_use', '{{ tools[0].name }}'])
    expect(renderChat(both, chat())).toBe('plain')
    expect(renderChat(both, chat({ tools: [{ name: 'f' }] }))).toBe('f')
  })

  test('joins the parts of a content, and refuses parts that are no text', () => {
    const one = templates(['default', '{{ bos_token }}{{ messages[0].content }}{{ x }}'])
    const parts = [
      { type: 'text', text: 'a ' },
      { type: 'text', text: 'b' },
    ]
    expect(renderChat(one, chat({ messages: [{ role: 'user', content: parts }], template_args: { x: '!' } }))).toBe(
      '<s>a b!',
    )
    const picture = [{ type: 'image', base64: '' }]
    expect(() => renderChat(one, chat({ messages: [{ role: 'user', content: picture }] }))).toThrow(
      expect.objectContaining({ code: 'CRYNUX_NOT_SUPPORTED_YET', details: { field: 'messages.0.content.0' } }),
    )
  })

  test('that the template refuses is bad usage, a broken template the model’s fault', () => {
    expect(() => renderChat(templates(['default', "{{ raise_exception('roles\nmust alternate') }}"]), chat())).toThrow(
      expect.objectContaining({
        code: 'CRYNUX_MODEL_INPUT',
        message: "field messages is refused by the chat template of '<tiny-llama>': roles must alternate",
      }),
    )
    // Nodes log it.
    const quoting = [
      '{{ raise_exception("no " + messages[0].content) }}',
      '{{ messages[0].content.strip(messages[0]) }}',
    ]
    for (const source of quoting) {
      const messages = [{ role: 'user' as const, content: 'a secret' }]
      expect(() => renderChat(templates(['default', source]), chat({ messages }))).toThrow(
        expect.objectContaining({ code: 'CRYNUX_MODEL_INPUT', message: expect.not.stringContaining('secret') }),
      )
    }
    expect(() => renderChat(templates(['default', '{% if %}']), chat())).toThrow(
      expect.objectContaining({
        code: 'CRYNUX_MODEL_FILE',
        message: "file tokenizer_config.json of model '<tiny-llama>' has a chat template that cannot be parsed",
      }),
    )
  })
})
