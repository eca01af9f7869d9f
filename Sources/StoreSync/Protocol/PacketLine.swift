import GitFormat
import VersionedStore

/// One packet of Git's protocol.
enum Packet: Equatable {
  case data([UInt8])
  /// `0000`: a message ends.
  case flush
  /// `0001`: a section of a message ends.
  case delimiter
  /// `0002`: a response over a connection without state ends.
  case responseEnd

  /// A line of text, which gets a newline.
  static func line(_ text: String) -> Packet { .data(Array(text.utf8) + [UInt8(ascii: "\n")]) }

  /// The data as text without the newline that may end it; nil for the packets without data.
  var text: ArraySlice<UInt8>? {
    guard case .data(let bytes) = self else { return nil }
    return bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
  }
}

/// Framing of Git's protocol: a length of four hexadecimal digits, then the data (gitprotocol-common, "pkt-line Format").
enum PacketLine {
  /// Data that fits one packet, at most.
  static let maximumData = 65_516
  private static let digits = Array("0123456789abcdef".utf8)

  /// The four digits before so much data.
  static func header(_ dataCount: Int) -> [UInt8] {
    let length = dataCount + 4
    return [12, 8, 4, 0].map { digits[length >> $0 & 15] }
  }

  /// What four digits announce: a length with the digits themselves; nil where they are no hexadecimal digits.
  static func length(_ header: some Collection<UInt8>) -> Int? {
    var length = 0
    for digit in header {
      guard let value = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
      length = length << 4 | value
    }
    return length
  }

  static func append(_ packet: Packet, to bytes: inout [UInt8]) {
    switch packet {
    case .flush: bytes.append(contentsOf: "0000".utf8)
    case .delimiter: bytes.append(contentsOf: "0001".utf8)
    case .responseEnd: bytes.append(contentsOf: "0002".utf8)
    case .data(let data):
      bytes.append(contentsOf: header(data.count))
      bytes.append(contentsOf: data)
    }
  }
}

/// Packets out of a source.
final class PacketReader {
  let input: BufferedInput

  init(_ input: BufferedInput) { self.input = input }
  convenience init(_ source: any ByteSource) { self.init(BufferedInput(source)) }

  /// The next packet; nil where the source ends between two packets.
  func next() throws(StoreError) -> Packet? {
    var header: [UInt8] = []
    guard try input.append(4, to: &header) else {
      if header.isEmpty { return nil }
      throw .malformed(FormatError("packet", "the connection ends inside its length"))
    }
    switch PacketLine.length(header) {
    case 0: return .flush
    case 1: return .delimiter
    case 2: return .responseEnd
    case .some(let length) where (4...PacketLine.maximumData + 4).contains(length):
      var data: [UInt8] = []
      data.reserveCapacity(length - 4)
      guard try input.append(length - 4, to: &data) else {
        throw .malformed(FormatError("packet", "the connection ends inside its data"))
      }
      return .data(data)
    default:
      throw .malformed(FormatError("packet", "its length is \(Text.readable(header))"))
    }
  }

  /// The next packet, where there has to be one. What the other side reports as its error is thrown.
  func expect() throws(StoreError) -> Packet {
    guard let packet = try next() else {
      throw .malformed(FormatError("message", "the connection ends before it does"))
    }
    if let text = packet.text, text.starts(with: "ERR ".utf8) { throw .remote(Text.readable(text.dropFirst(4))) }
    return packet
  }
}

/// Packets into a sink, collected until `send`.
final class PacketWriter {
  private let sink: any ByteSink
  private var bytes: [UInt8] = []

  init(_ sink: any ByteSink) { self.sink = sink }

  func write(_ packet: Packet) throws(StoreError) {
    PacketLine.append(packet, to: &bytes)
    if bytes.count >= 65_536 { try send() }
  }

  func line(_ text: String) throws(StoreError) { try write(.line(text)) }

  /// Hands over what was collected.
  func send() throws(StoreError) {
    guard !bytes.isEmpty else { return }
    try sink.write(bytes)
    bytes.removeAll(keepingCapacity: true)
  }
}

/// Bytes of strangers as text for people.
enum Text {
  /// UTF-8 without control characters, which could change what a terminal shows; at most 1,000 characters.
  static func readable(_ bytes: some Sequence<UInt8>) -> String {
    let text = String(decoding: Array(bytes.prefix(4_000)), as: UTF8.self)
    return String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(1_000).map {
          $0.properties.generalCategory == .control || $0.properties.generalCategory == .format ? "\u{FFFD}" : $0
        }))
  }
}
