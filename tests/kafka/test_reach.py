import asyncio

from app.kafka.reach import why_kafka_is_away
from app.local.ports import free_ports
from app.settings import Settings


async def test_a_refused_connection_names_the_address_and_the_settings() -> None:
    [port] = free_ports(1)
    sentence = await why_kafka_is_away(Settings(kafka=f"127.0.0.1:{port}"))
    assert sentence.startswith(f"Kafka cannot be reached at '127.0.0.1:{port}': ")
    assert "TETRASTASH_KAFKA" in sentence


async def test_tls_with_a_listener_that_speaks_none_says_so() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"no TLS here")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sentence = await why_kafka_is_away(Settings(kafka=f"127.0.0.1:{port}", kafka_security="SSL"))
    assert sentence.startswith(f"TLS with Kafka at '127.0.0.1:{port}' fails: ")
    server.close()
    await server.wait_closed()


async def test_a_name_that_does_not_resolve_is_told() -> None:
    sentence = await why_kafka_is_away(Settings(kafka="no-such-host.invalid:9092"))
    assert sentence.startswith("Kafka cannot be reached at 'no-such-host.invalid:9092': ")
