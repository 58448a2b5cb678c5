"""What users of other frameworks write first, and what it is here. Raises only; nothing here works."""

from __future__ import annotations

from typing import NoReturn

NAMES = {
    "FastAPI": "write `from spikard import Spikard`",
    "Flask": "write `from spikard import Spikard`",
    "Starlette": "write `from spikard import Spikard`",
    "App": "write `from spikard import Spikard`",
    "APIRouter": "write `from spikard import Router`",
    "Blueprint": "write `from spikard import Router`",
    "HTTPException": "raise `spikard.NotFound(...)`, another exception of `spikard.errors`, or a subclass of Problem",
    "JSONResponse": "write `from spikard import Response`; JSON is what it sends by default",
    "PlainTextResponse": "return a `str`, or `spikard.Response`",
    "HTMLResponse": 'return `spikard.Response(html, content_type="text/html; charset=utf-8")`',
    "status": "write the number: `status=201`",
    "Field": "write `from spikard import Meta`; `Annotated[int, Meta(ge=1)]`",
    "Param": "write `from spikard import Query`",
    "Depends": "dependencies are not there yet; open what handlers share in the lifespan, keep it in `app.state`",
    "Form": "forms are not there yet; take the body as `bytes` or JSON",
    "File": "uploads are not there yet; take the body as `bytes`",
    "UploadFile": "uploads are not there yet; take the body as `bytes`",
    "WebSocket": "WebSockets are not there yet",
    "StreamingResponse": "streams are not there yet; return `bytes`",
    "BackgroundTasks": "background tasks are not there yet; use `asyncio.create_task` in an `async def`",
    "Middleware": "middleware is not there yet; decorate the handlers",
}


def import_of(name: str) -> NoReturn:
    """The `__getattr__` of the package: an ImportError, whose text `from spikard import X` keeps."""
    if name in NAMES:
        raise ImportError(f"spikard has no {name!r}: {NAMES[name]}", name="spikard")
    raise AttributeError(f"module 'spikard' has no attribute {name!r}", name=name)
