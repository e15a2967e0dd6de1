"""A local SMTP server that keeps every mail as a file, for installations without a mail server.

python -m tools.mailbox FOLDER PORT
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller


class Keeper:
    """Stores what arrives; nothing is ever sent on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        number = len(list(self.folder.glob("*.eml"))) + 1
        (self.folder / f"{number:05d}.eml").write_bytes(envelope.content)
        return "250 kept"


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    controller = Controller(Keeper(folder), hostname="127.0.0.1", port=port)
    controller.start()
    loop = asyncio.new_event_loop()
    stop = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stop.done() or stop.set_result(None))
    with contextlib.suppress(KeyboardInterrupt):
        loop.run_until_complete(stop)
    controller.stop()


if __name__ == "__main__":
    main()
