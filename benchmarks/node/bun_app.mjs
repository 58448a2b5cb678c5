/** The benchmark's app in Bun.serve, whose routes are its own; what comes is converted by hand and not checked. */

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  routes: {
    "/json": () => Response.json({ message: "Hello, World!" }),
    "/json-async": async () => Response.json({ message: "Hello, World!" }),
    "/users/:id/posts/:slug": (request) => {
      const { id, slug } = request.params;
      const query = new URL(request.url).searchParams;
      return Response.json({ id: Number(id), slug, limit: Number(query.get("limit") ?? 20), tags: query.getAll("tag") });
    },
    "/items": { POST: async (request) => Response.json(await request.json(), { status: 201 }) },
    "/wait": async () => {
      await Bun.sleep(1);
      return Response.json({ ok: true });
    },
  },
});
