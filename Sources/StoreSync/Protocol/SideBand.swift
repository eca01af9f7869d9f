import GitFormat
import VersionedStore

/// What a packet of a multiplexed stream carries (gitprotocol-capabilities, "side-band, side-band-64k").
enum SideBand: UInt8 {
  case data = 1
  case progress = 2
  case error = 3
}

/// Writes a stream of data with progress messages between.
final class SideBandWriter: ByteSink {
  /// How packets are cut, or that there are none.
  enum Framing {
    /// Data only, as it is; messages are left out.
    case none
    /// Packets of at most 1,000 bytes.
    case small
    /// Packets of at most 65,520 bytes.
    case large

    var dataLimit: Int { self == .small ? 995 : PacketLine.maximumData - 1 }
  }

  private let sink: any ByteSink
  private let framing: Framing
  private let isQuiet: Bool
  private var pending: [UInt8] = []

  init(_ sink: any ByteSink, _ framing: Framing, isQuiet: Bool = false) {
    self.sink = sink
    self.framing = framing
    self.isQuiet = isQuiet
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    guard framing != .none else { return try sink.write(bytes) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(framing.dataLimit - pending.count)
      pending.append(contentsOf: piece)
      rest = rest.dropFirst(piece.count)
      if pending.count == framing.dataLimit { try sendPending() }
    }
  }

  /// Hands over the data that waits for more.
  func sendPending() throws(StoreError) {
    guard !pending.isEmpty else { return }
    try send(.data, pending)
    pending.removeAll(keepingCapacity: true)
  }

  /// A message for the person at the other end; lines end in a newline, or in a carriage return where the next replaces it.
  func progress(_ text: String) throws(StoreError) {
    if !isQuiet { try message(.progress, text) }
  }

  /// A message that is shown also to those who asked for silence.
  func notice(_ text: String) throws(StoreError) { try message(.progress, text) }

  /// Says why the stream ends here.
  func fail(_ text: String) throws(StoreError) { try message(.error, text) }

  private func message(_ band: SideBand, _ text: String) throws(StoreError) {
    guard framing != .none else { return }
    try sendPending()
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let piece = rest.prefix(framing.dataLimit)
      try send(band, Array(piece))
      rest = rest.dropFirst(piece.count)
    }
  }

  private func send(_ band: SideBand, _ data: [UInt8]) throws(StoreError) {
    try sink.write(PacketLine.header(data.count + 1) + [band.rawValue])
    try sink.write(data)
  }
}

/// Reads the data of a multiplexed stream up to its flush packet, and hands on its messages.
final class SideBandReader: ByteSource {
  private let packets: PacketReader
  private let progress: (String) -> Void
  private var data: ArraySlice<UInt8> = []
  private var isAtEnd = false
  private var message: [UInt8] = []

  init(_ packets: PacketReader, progress: @escaping (String) -> Void) {
    self.packets = packets
    self.progress = progress
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    while data.isEmpty, !isAtEnd { try readPacket() }
    let piece = data.prefix(buffer.count)
    piece.withUnsafeBytes { buffer.copyMemory(from: $0) }
    data = data.dropFirst(piece.count)
    return piece.count
  }

  /// Reads what is left, and with it the messages that follow the data.
  func drain() throws(StoreError) {
    while !isAtEnd {
      try readPacket()
      data = []
    }
  }

  private func readPacket() throws(StoreError) {
    guard case .data(let bytes) = try packets.expect() else {
      isAtEnd = true
      tell(all: true)
      return
    }
    switch bytes.first.flatMap({ SideBand(rawValue: $0) }) {
    case .data: data = bytes.dropFirst()
    case .progress:
      message.append(contentsOf: bytes.dropFirst())
      tell(all: false)
    case .error: throw .remote(Text.readable(bytes.dropFirst().prefix { $0 != UInt8(ascii: "\n") }))
    case nil: throw .malformed(FormatError("multiplexed packet", "it is of no known channel"))
    }
  }

  /// Tells the lines that are whole; a line that never ends is told in pieces.
  private func tell(all: Bool) {
    while let end = message.firstIndex(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
      if end > 0 { progress(Text.readable(message[..<end])) }
      message.removeSubrange(...end)
    }
    if !message.isEmpty, all || message.count > 4_000 {
      progress(Text.readable(message))
      message.removeAll()
    }
  }
}
