/** What a model writes must not move the cursor or change the terminal. */
export const printable = (text: string): string => text.replaceAll(/(?![\n\t])\p{Cc}/gu, '\ufffd')
