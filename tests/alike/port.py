"""One port with a listening socket for each of several programs. Starts none of them.

The kernel spreads new connections over the sockets (SO_REUSEPORT); `only` makes it choose one, so that each program
can be asked the same through the same port.
"""

from __future__ import annotations

import ctypes
import socket
import struct

SO_ATTACH_REUSEPORT_CBPF = 51
SO_DETACH_REUSEPORT_BPF = 68
RETURN_CONSTANT = 0x06  # BPF_RET | BPF_K of linux/bpf_common.h


class Port:
    """Sockets that listen on one port of 127.0.0.1, in an order that is kept."""

    def __init__(self, members: int) -> None:
        self.sockets: list[socket.socket] = []
        self.number = 0
        for _ in range(members):
            member = socket.socket()
            self.sockets.append(member)
            member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            member.bind(("127.0.0.1", self.number))
            member.listen(128)
            self.number = member.getsockname()[1]

    def only(self, index: int) -> None:
        """New connections go to this one."""
        program = ctypes.create_string_buffer(struct.pack("=HBBI", RETURN_CONSTANT, 0, 0, index))
        choice = struct.pack("@HP", 1, ctypes.addressof(program))
        self.sockets[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, choice)

    def any(self) -> None:
        """New connections go to whom the kernel chooses."""
        self.sockets[0].setsockopt(socket.SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)

    def close(self) -> None:
        """Leaves the sockets to those who inherited them."""
        for member in self.sockets:
            member.close()
