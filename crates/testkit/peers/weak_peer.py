"""A mail exchanger with TLS that no current TLS library offers: old versions, weak certificates, anonymous ciphers.

Arguments: ADDRESS PORT MODE CERTIFICATE KEY, MODE being tls10, tls11, tls10-11, anonymous or modern. Takes every message.
Prints one JSON object a line: {"event": "listening"}, and for each connection "open", "line", "tls", "failed",
"message" and "close", each with the number of the connection.
"""

import json
import socket
import ssl
import sys
import threading

PRINT = threading.Lock()


def say(**event):
    with PRINT:
        print(json.dumps(event), flush=True)


def context(mode, certificate, key):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Level 0 is the only one at which OpenSSL 3 takes SHA-1 signatures, 1024-bit keys and unauthenticated ciphers.
    made.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    if mode == "anonymous":
        made.set_ciphers("aNULL:@SECLEVEL=0")
        made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ecdh_curve("prime256v1")
    elif mode == "modern":
        made.minimum_version = ssl.TLSVersion.TLSv1_2
    else:
        lowest = {"tls10": ssl.TLSVersion.TLSv1, "tls11": ssl.TLSVersion.TLSv1_1, "tls10-11": ssl.TLSVersion.TLSv1}
        highest = {"tls10": ssl.TLSVersion.TLSv1, "tls11": ssl.TLSVersion.TLSv1_1, "tls10-11": ssl.TLSVersion.TLSv1_1}
        made.minimum_version = lowest[mode]
        made.maximum_version = highest[mode]
    made.load_cert_chain(certificate, key)
    return made


class Lines:
    """Reads lines and answers, over whichever socket is current."""

    def __init__(self, sock):
        self.sock = sock
        self.held = b""

    def read(self):
        while b"\n" not in self.held:
            chunk = self.sock.recv(65536)
            if not chunk:
                return None
            self.held += chunk
        line, self.held = self.held.split(b"\n", 1)
        return line.rstrip(b"\r")

    def write(self, text):
        self.sock.sendall(text.encode() + b"\r\n")


def argument(line):
    return line.partition("<")[2].partition(">")[0]


def converse(number, sock, tls):
    lines = Lines(sock)
    secure = False
    sender, recipients = "", []
    lines.write("220 weak.peer ESMTP")
    while (raw := lines.read()) is not None:
        line = raw.decode("utf-8", "replace")
        say(event="line", connection=number, text=line, channel="tls" if secure else "clear")
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            lines.write("250-weak.peer")
            if not secure:
                lines.write("250-STARTTLS")
            lines.write("250 8BITMIME")
        elif verb == "STARTTLS" and not secure:
            lines.write("220 2.0.0 go ahead")
            try:
                wrapped = tls.wrap_socket(lines.sock, server_side=True)
            except (ssl.SSLError, OSError) as error:
                say(event="failed", connection=number, error=str(error))
                return
            lines = Lines(wrapped)
            secure = True
            say(event="tls", connection=number, version=wrapped.version(), cipher=wrapped.cipher()[0])
        elif verb == "MAIL":
            sender, recipients = argument(line), []
            lines.write("250 2.1.0 ok")
        elif verb == "RCPT":
            recipients.append(argument(line))
            lines.write("250 2.1.5 ok")
        elif verb == "DATA":
            lines.write("354 go ahead")
            body = []
            while (part := lines.read()) is not None and part != b".":
                body.append(part[1:] if part.startswith(b".") else part)
            say(
                event="message",
                connection=number,
                **{"from": sender, "to": recipients},
                message=(b"\r\n".join(body) + b"\r\n").decode("latin-1"),
                channel="tls" if secure else "clear",
            )
            lines.write("250 2.0.0 taken")
        elif verb == "QUIT":
            lines.write("221 2.0.0 bye")
            return
        else:
            lines.write("250 2.0.0 ok")


def serve(number, sock, tls):
    say(event="open", connection=number)
    try:
        converse(number, sock, tls)
    except OSError as error:
        say(event="failed", connection=number, error=str(error))
    finally:
        sock.close()
        say(event="close", connection=number)


def main():
    address, port, mode, certificate, key = sys.argv[1:6]
    tls = context(mode, certificate, key)
    listener = socket.create_server((address, int(port)))
    say(event="listening")
    number = 0
    while True:
        sock, _ = listener.accept()
        number += 1
        threading.Thread(target=serve, args=(number, sock, tls), daemon=True).start()


main()
