"""Reads Thrift's compact protocol, in which parquet's footer and page headers are written, without trusting it.

Parquet's own reader makes an object of hundreds of bytes out of every three bytes that look like a column. Here what
is there is counted before that reader sees it.
"""

from typing import Any

_MOST_DEPTH = 32  # parquet's own structs nest eight deep
_TRUE, _FALSE, _BYTE, _I16, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT, _UUID = 1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13
_BITS = {4: 16, 5: 32, 6: 64}


class TooManyStructs(Exception):
    """There are more structs than the reader was told to expect."""


class CompactReader:
    """One pass over bytes; raises ValueError or IndexError where they end early or are no Thrift.

    Args:
        data: the bytes; most_structs: how many structs to read, nested ones included, before :class:`TooManyStructs`.
    """

    def __init__(self, data: bytes, most_structs: int) -> None:
        self.data = data
        self.position = 0
        self._left = most_structs

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Field number → whole number, truth, nested struct, or the length of a list; None for other kinds."""
        self._left -= 1
        if self._left < 0:
            raise TooManyStructs
        if depth > _MOST_DEPTH:
            raise ValueError("nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while header := self.data[self.position]:
            self.position += 1
            number = number + (header >> 4) if header >> 4 else self._signed(_I16)
            if number in found:  # which of the two another reader takes is not known
                raise ValueError(f"field {number} is there twice")
            found[number] = header & 15 == _TRUE if header & 15 in (_TRUE, _FALSE) else self._value(header & 15, depth)
        self.position += 1
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if _I16 <= kind <= _I64:
            return self._signed(kind)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _BINARY:
            return self._skip(self._unsigned())
        sizes = {_TRUE: 1, _FALSE: 1, _BYTE: 1, _DOUBLE: 8, _UUID: 16}
        if kind not in sizes:
            raise ValueError(f"parquet has no field of type {kind}")
        return self._skip(sizes[kind])

    def _list(self, depth: int) -> int:
        header = self.data[self.position]
        self.position += 1
        count = header >> 4 if header >> 4 < 15 else self._unsigned()
        if count > len(self.data) - self.position:  # each element takes a byte at least
            raise ValueError("a list is longer than the bytes")
        for _ in range(count):
            self._value(header & 15, depth)
        return count

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self.data):
            raise IndexError("the bytes end early")

    def _signed(self, kind: int) -> int:
        value = self._unsigned()
        if value >> _BITS[kind]:  # other readers cut such a number short
            raise ValueError("a number has more bits than its type")
        return (value >> 1) ^ -(value & 1)

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.position]
            self.position += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number has more than 64 bits")
