import { parse, tokenize } from '@huggingface/jinja'
import { InvalidArgumentsError, type TextTaskArguments } from '../../task/arguments.js'
import { ModelFileError, type ModelFolder } from '../modelFile.js'
import { ModelInputError } from '../modelInputError.js'
import { NotSupportedYetError } from '../notSupportedYet.js'
import { evaluateTemplate, type Node } from './template/evaluate.js'
import { TemplateComplaint, TemplateProblem, toValue, type Value } from './template/value.js'

/** A chat template, ready to render. */
export type ChatTemplate = { render(variables: Record<string, unknown>): string }

/**
 * Parses a chat template (Jinja, with the whitespace rules that `transformers` sets).
 *
 * Nothing of the machine is visible inside: `strftime_now` is left undefined, because nodes that render a task on different days
 * would not agree; templates that ask for it have a fixed date to fall back on, or take one from `template_args`.
 *
 * @throws Error when the text is not a template; `render` throws TemplateProblem.
 */
export function parseChatTemplate(source: string): ChatTemplate {
  const program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })) as unknown as Node
  return {
    render(variables) {
      const values = new Map<string, Value>(Object.entries(variables).map(([name, value]) => [name, toValue(value)]))
      return evaluateTemplate(program, values)
    },
  }
}

/** A model's templates and the special tokens that they may name. */
export type ChatTemplates = {
  model: ModelFolder
  /** Where the templates come from, for messages. */
  file: string
  /** The plain one is called `default`; models that know tools may have a second one, `tool_use`. */
  sources: ReadonlyMap<string, string>
  specialTokens: Record<string, unknown>
}

/**
 * The prompt that the model's template makes of a chat.
 *
 * Parts of a message's content are joined as in the original.
 *
 * @throws ModelInputError for what the template refuses, e.g. two user messages in a row; InvalidArgumentsError, ModelFileError,
 * NotSupportedYetError
 */
export function renderChat({ model, file, sources, specialTokens }: ChatTemplates, task: TextTaskArguments): string {
  const tools = task.tools ?? null
  const name = tools !== null && sources.has('tool_use') ? 'tool_use' : 'default'
  const source = sources.get(name)
  if (source === undefined) throw new ModelFileError(model, file, `has no chat template named '${name}'`)
  let template: ChatTemplate
  try {
    template = parseChatTemplate(source)
  } catch (cause) {
    throw new ModelFileError(model, file, 'has a chat template that cannot be parsed', cause)
  }
  try {
    return template.render({
      ...specialTokens,
      messages: task.messages.map((message, index) => plainMessage(message, index)),
      tools,
      documents: null,
      add_generation_prompt: true,
      ...task.template_args,
    })
  } catch (cause) {
    if (!(cause instanceof TemplateProblem || cause instanceof TypeError || cause instanceof RangeError)) throw cause
    const reason = cause instanceof TemplateProblem ? cause.message : 'it cannot be rendered with them'
    // Nodes log this: what the template has put together may be what a stranger wrote, what stands in it word for word is not.
    const isPublic = !(cause instanceof TemplateComplaint) || oneLine(source).includes(oneLine(reason))
    throw new ModelInputError(
      'messages',
      `is refused by the chat template of '${model.id}': ${isPublic ? shorten(reason) : 'its complaint may quote them'}`,
      "Change the messages, tools or template_args to what the model's chat template takes.",
      cause,
    )
  }
}

type Message = TextTaskArguments['messages'][number]

/** A message as templates want it: one text, and no names for what is not given. */
function plainMessage(message: Message, index: number): Record<string, unknown> {
  const { content, ...rest } = message
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  return { ...given, ...(content === undefined ? {} : { content: plainContent(content, index) }) }
}

function plainContent(content: Message['content'], index: number): string | null {
  if (content === null || content === undefined) return null
  if (typeof content === 'string') return content
  return content
    .map((part, place) => {
      const field = `messages.${index}.content.${place}`
      if (part.type !== 'text') {
        throw new NotSupportedYetError(
          field,
          'a content part that is no text',
          'Leave this part out; pictures and sounds are not read.',
        )
      }
      if (typeof part.text === 'string') return part.text
      throw new InvalidArgumentsError(`field ${field}.text must be a text`, {
        remedy: 'Write parts as {"type": "text", "text": "…"}.',
        details: { field },
      })
    })
    .join('')
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll(/\p{C}/gu, '?')

const shorten = (text: string): string => oneLine(text.length > 200 ? `${text.slice(0, 197)}…` : text)
