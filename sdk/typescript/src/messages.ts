/** What a customer can be told. */

/** Pressing it sends `postback`, or else its text, as the customer's words. */
export interface Button {
  text: string;
  postback?: string;
}

/** One message, as the contract writes it. */
export type Message =
  | { text: string }
  | { quick_replies: { title?: string; replies: string[] } }
  | { card: { title: string; subtitle?: string; image_uri?: string; buttons?: Button[] } }
  | { image: { uri: string; description?: string } }
  | { payload: Record<string, unknown> };

export const text = (words: string): Message => ({ text: words });

export const quickReplies = (title: string, replies: string[]): Message => ({ quick_replies: { title, replies } });

export const button = (text: string, postback?: string): Button => (postback === undefined ? { text } : { text, postback });

export const card = (
  title: string,
  more: { subtitle?: string; imageUri?: string; buttons?: Button[] } = {},
): Message => ({
  card: {
    title,
    ...(more.subtitle !== undefined && { subtitle: more.subtitle }),
    ...(more.imageUri !== undefined && { image_uri: more.imageUri }),
    ...(more.buttons !== undefined && { buttons: more.buttons }),
  },
});

export const image = (uri: string, description?: string): Message => ({
  image: description === undefined ? { uri } : { uri, description },
});

/** Something that the customer's channel understands. */
export const payload = (value: Record<string, unknown>): Message => ({ payload: value });
