import GitFormat
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

@Suite struct PacketLineTests {
  @Test func packetsAreReadAsTheyWereWritten() throws {
    let packets: [Packet] = [
      .line("want"), .data([]), .flush, .delimiter, .responseEnd, .data([UInt8](repeating: 7, count: 65_516)),
    ]
    var bytes: [UInt8] = []
    for packet in packets { PacketLine.append(packet, to: &bytes) }
    for piece in [1, 3, 4_096, .max] {
      let reader = PacketReader(MemoryStream(bytes, pieceLength: piece))
      for packet in packets { #expect(try reader.next() == packet) }
      #expect(try reader.next() == nil)
    }
  }

  @Test(arguments: ["0003", "fff1", "ffff", "00g0", "-001", "000", "0009done", "00"])
  func whatIsNoPacketIsRefused(_ text: String) {
    #expect(throws: StoreError.self) { try PacketReader(MemoryStream(Array(text.utf8))).next() }
  }

  @Test func anErrorPacketIsTheOtherSidesError() throws {
    var bytes: [UInt8] = []
    PacketLine.append(.line("ERR no such\u{1B}[31m place"), to: &bytes)
    #expect(throws: StoreError.remote("no such\u{FFFD}[31m place")) {
      try PacketReader(MemoryStream(bytes)).expect()
    }
  }

  @Test(arguments: [SideBandWriter.Framing.small, .large])
  func dataAndMessagesShareAStream(_ framing: SideBandWriter.Framing) throws {
    var random = SeededGenerator(3)
    let data = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let stream = MemoryStream()
    let writer = SideBandWriter(stream, framing)
    try writer.write(Array(data[..<100_000]))
    try writer.progress("half\rof it\n")
    try writer.write(Array(data[100_000...]))
    try writer.sendPending()
    try stream.write(Array("0000".utf8))
    #expect(stream.output.count < data.count * 101 / 100 + 1_000)

    let messages = Messages()
    let reader = SideBandReader(PacketReader(MemoryStream(stream.output, pieceLength: 1_000))) {
      messages.list.append($0)
    }
    var read: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 777, alignment: 1)
    defer { buffer.deallocate() }
    while case let count = try reader.read(into: buffer), count > 0 { read += buffer[..<count] }
    #expect(read == data)
    #expect(messages.list == ["half", "of it"])
  }

  private final class Messages { var list: [String] = [] }

  @Test func aFatalMessageIsThrown() throws {
    let stream = MemoryStream()
    try SideBandWriter(stream, .large).fail("disk full\n")
    let reader = SideBandReader(PacketReader(MemoryStream(stream.output))) { _ in }
    #expect(throws: StoreError.remote("disk full")) { try reader.drain() }
  }
}
