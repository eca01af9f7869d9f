public import Wire

/// What `write` writes into a buffer of `capacity` bytes; nil where it returns false or it does not fit.
public func writtenPacket(capacity: Int = 1518, _ write: (inout PacketWriter) -> Bool) -> [UInt8]? {
  var buffer = [UInt8](repeating: 0xaa, count: capacity)
  var bytes = buffer.mutableSpan
  var writer = PacketWriter(bytes.mutableBytes)
  guard write(&writer), let count = writer.finishedCount else { return nil }
  return Array(buffer[..<count])
}
