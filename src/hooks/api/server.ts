// The runtime API over HTTP on the loopback: who asks, whether the request is well formed, then routes.ts.

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { failed, passed, type Verdict } from "../../model/result.ts";
import type { Answer, ApiServices } from "./routes.ts";
import { refuse, routes } from "./routes.ts";
import type { HookInvocation, Tokens } from "./tokens.ts";

/** Largest body. */
const maxBodyBytes = 8 * 1024 * 1024;
const apiHost = "127.0.0.1";

export interface ApiServer {
  port: number;
  close(): Promise<void>;
}

export interface ApiServerOptions {
  tokens: Tokens;
  services: ApiServices;
  /** Hears of every answered request: what was asked, without values. */
  onRequest?(invocation: HookInvocation, line: string): void;
  /** Hears of what must not happen: a fault in maand itself. */
  onFault(error: unknown): void;
}

/** Starts the server on a port that the system chooses. */
export async function startApi(options: ApiServerOptions): Promise<ApiServer> {
  const server = createServer((request, response) => {
    void serve(options, request, response);
  });
  // A hook may wait for an hour; its end closes its connections.
  server.requestTimeout = 0;
  server.timeout = 0;
  server.keepAliveTimeout = 1000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, apiHost, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  options: ApiServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await answerTo(options, request, response);
  } catch (error) {
    options.onFault(error);
    answer = refuse(500, "maand itself failed");
  }
  if (response.destroyed) return;
  const text = Buffer.from(JSON.stringify(answer.body), "utf8");
  response.writeHead(answer.status, { "content-type": "application/json", "content-length": text.length });
  response.end(text);
}

async function answerTo(
  options: ApiServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer> {
  const body = await readBody(request);
  const bearer = /^Bearer ([!-~]+)$/i.exec(headerOf(request, "authorization") ?? "")?.[1];
  const invocation = bearer === undefined ? undefined : options.tokens.find(bearer);
  if (invocation === undefined)
    return refuse(401, "the token is missing, wrong, or of a hook that has ended");

  const url = URL.parse(request.url ?? "/", `http://${apiHost}`);
  const route = url !== null && Object.hasOwn(routes, url.pathname) ? routes[url.pathname]! : undefined;
  if (url === null || route === undefined) return refuse(404, `there is no ${url?.pathname ?? request.url}`);
  const method = request.method ?? "";
  const handler = Object.hasOwn(route, method) ? route[method]! : undefined;
  if (handler === undefined) {
    response.setHeader("allow", Object.keys(route).join(", "));
    return refuse(405, `${url.pathname} knows ${Object.keys(route).join(", ")}, not ${method}`);
  }
  const agrees = agreesWith(request, invocation);
  if (!agrees.pass) return refuse(403, agrees.reason);
  const fields = parseFields(request, url, body);
  if ("status" in fields) return fields;

  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  response.once("close", onClose);
  try {
    const signal = AbortSignal.any([gone.signal, invocation.signal]);
    const answer = await handler({ invocation, fields: fields.fields, signal }, options.services);
    options.onRequest?.(invocation, `${method} ${url.pathname}${describe(fields.fields)} → ${answer.status}`);
    return answer;
  } finally {
    response.off("close", onClose);
  }
}

/** The body, or undefined when it is larger than allowed: it is read to its end all the same, so that the caller listens. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size <= maxBodyBytes) chunks.push(chunk as Buffer);
    else chunks.length = 0;
  }
  return size > maxBodyBytes ? undefined : Buffer.concat(chunks);
}

/** Headers that say who asks must say what the token says. */
function agreesWith(request: IncomingMessage, invocation: HookInvocation): Verdict {
  const claims: [string, string][] = [
    ["x-allocation-id", invocation.allocId],
    ["event", invocation.event],
    ["command", invocation.hook],
  ];
  for (const [name, truth] of claims) {
    const claimed = headerOf(request, name);
    if (claimed !== undefined && claimed !== truth)
      return failed(`header ${name.toUpperCase()} is not that of this token`);
  }
  return passed;
}

function parseFields(
  request: IncomingMessage,
  url: URL,
  body: Buffer | undefined,
): { fields: Record<string, unknown> } | Answer {
  if (body === undefined) return refuse(413, `the body is larger than ${maxBodyBytes} bytes`);
  const query: Record<string, unknown> = Object.fromEntries(url.searchParams);
  if (body.length === 0) return { fields: query };
  const type = headerOf(request, "content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== undefined && type !== "application/json")
    return refuse(415, `send application/json, not ${type}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return refuse(400, "the body is not valid JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return refuse(400, "the body is not a JSON object");
  }
  return { fields: { ...query, ...parsed } };
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** What was asked for, by name; values and commands may hold secrets. */
function describe(fields: Record<string, unknown>): string {
  const shown = ["namespace", "key", "name", "worker_ip", "target"].flatMap((name) => {
    const value = fields[name];
    return typeof value === "string" ? [value] : [];
  });
  return shown.length === 0 ? "" : ` ${shown.join(" ")}`;
}
