"""Holds each packet that the device "hold" is given for some milliseconds, and gives it back. Run in the core's namespace."""
import fcntl, heapq, os, select, struct, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
held_s = float(sys.argv[1]) / 1000
tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"hold", IFF_TUN | IFF_NO_PI))
waiting, count = [], 0
while True:
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        try:
            os.write(tun, heapq.heappop(waiting)[2])
        except OSError:
            pass  # The other side's device is gone.
    timeout = max(0, waiting[0][0] - now) if waiting else None
    if select.select([tun], [], [], timeout)[0]:
        for _ in range(256):
            try:
                packet = os.read(tun, 65536)
            except BlockingIOError:
                break
            count += 1
            heapq.heappush(waiting, (time.monotonic() + held_s, count, packet))
