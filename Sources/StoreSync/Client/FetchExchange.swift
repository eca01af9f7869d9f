import GitFormat
import VersionedStore

/// Asks for objects, says what is here, and takes the pack.
struct FetchExchange {
  private let session: RemoteSession
  private let backend: any Backend
  private let options: RemoteOptions
  private var request: FetchRequest
  private var negotiator: Negotiator
  private(set) var shallow = ShallowChange()

  /// Commits that are told in vain before the client gives up (as in git-fetch-pack).
  private static let vain = 256

  init(
    _ session: RemoteSession, into backend: any Backend, _ request: FetchRequest, tips: [ObjectID],
    _ options: RemoteOptions
  ) throws(StoreError) {
    self.session = session
    self.backend = backend
    self.request = request
    self.options = options
    negotiator = try Negotiator(tips: tips, in: backend)
  }

  /// - Returns: nil where the server sent an empty pack.
  mutating func run() throws(StoreError) -> ReceivedPack? {
    guard session.version != .two else { return try fetchByCommand() }
    return try fetchByConversation()
  }

  private func receive(_ packets: PacketReader, isMultiplexed: Bool) throws(StoreError) -> ReceivedPack? {
    let progress = options.progress
    let receiver = PackReceiver(for: backend, limits: options.limits) { (line) throws(StoreError) in
      progress(Text.readable(line.utf8.dropLast()))
    }
    guard isMultiplexed else { return try receiver.receive(from: packets.input) }
    let band = SideBandReader(packets, progress: progress)
    let pack = try receiver.receive(from: BufferedInput(band))
    try band.drain()
    return pack
  }

  // MARK: Version 2

  private mutating func fetchByCommand() throws(StoreError) -> ReceivedPack? {
    var count = 16
    var inVain = 0
    while true {
      let haves = try negotiator.next(count)
      let isDone = haves.isEmpty || inVain >= Self.vain
      let answer = try send(haves, isDone: isDone)
      if !isDone {
        let (isReady, found) = try readAcknowledgments(answer)
        inVain = found ? 0 : inVain + haves.count
        count = min(count * 2, 1_024)
        guard isReady else { continue }
      }
      return try readSections(answer)
    }
  }

  private func send(_ haves: [ObjectID], isDone: Bool) throws(StoreError) -> PacketReader {
    let exchange = try session.connection.request()
    let packets = PacketWriter(exchange)
    try session.writeCommand("fetch", to: packets)
    for option in request.options.map(\.rawValue).sorted() { try packets.line(option) }
    for id in request.wants { try packets.line("want \(id)") }
    for id in request.shallow { try packets.line("shallow \(id)") }
    for line in request.deepeningLines { try packets.line(line) }
    if let filter = request.filter { try packets.line("filter \(filter.text)") }
    for id in negotiator.commonTold + haves { try packets.line("have \(id)") }
    if isDone { try packets.line("done") }
    try packets.write(.flush)
    try packets.send()
    return try exchange.answer()
  }

  private mutating func readAcknowledgments(
    _ answer: PacketReader
  ) throws(StoreError) -> (isReady: Bool, found: Bool) {
    guard try answer.expect().text?.elementsEqual("acknowledgments".utf8) == true else {
      throw .malformed(FormatError("answer to fetch", "it does not begin with acknowledgments"))
    }
    var (isReady, found) = (false, false)
    while case let packet = try answer.expect(), let text = packet.text {
      if text.elementsEqual("ready".utf8) {
        isReady = true
      } else if text.starts(with: "ACK ".utf8), let id = ObjectID(session.format, hex: text.dropFirst(4)) {
        try negotiator.acknowledge(id)
        found = true
      }
    }
    return (isReady, found)
  }

  private mutating func readSections(_ answer: PacketReader) throws(StoreError) -> ReceivedPack? {
    while let title = try answer.expect().text {
      if title.elementsEqual("packfile".utf8) { return try receive(answer, isMultiplexed: true) }
      let isShallow = title.elementsEqual("shallow-info".utf8)
      while let line = try answer.expect().text {
        if isShallow { try take(shallow: line) }
      }
    }
    throw .malformed(FormatError("answer to fetch", "it has no pack"))
  }

  private mutating func take(shallow line: ArraySlice<UInt8>) throws(StoreError) {
    let words = line.split(separator: UInt8(ascii: " "))
    guard words.count == 2, let id = ObjectID(session.format, hex: words[1]),
      shallow.added.count + shallow.removed.count < FetchRequest.maximumIdentifiers
    else { throw .malformed(FormatError("answer to fetch", "\(Text.readable(line)) is no end of history")) }
    if words[0].elementsEqual("shallow".utf8) { shallow.added.append(id) } else { shallow.removed.append(id) }
  }

  // MARK: Versions 0 and 1

  private mutating func fetchByConversation() throws(StoreError) -> ReceivedPack? {
    let exchange = try session.connection.request()
    let packets = PacketWriter(exchange)
    let capabilities = try chosenCapabilities()
    for (index, id) in request.wants.enumerated() {
      try packets.line("want \(id)" + (index == 0 ? " " + capabilities.text : ""))
    }
    for id in request.shallow { try packets.line("shallow \(id)") }
    for line in request.deepeningLines where line != "deepen-relative" { try packets.line(line) }
    if let filter = request.filter { try packets.line("filter \(filter.text)") }
    try packets.write(.flush)
    // Over a stateless connection all has to be in one request; so it is over others as well.
    for id in try negotiator.next(Self.vain) { try packets.line("have \(id)") }
    try packets.line("done")
    try packets.send()
    let answer = try exchange.answer()
    if request.deepening != nil {
      while let line = try answer.expect().text { try take(shallow: line) }
    }
    try readConversation(answer)
    return try receive(answer, isMultiplexed: capabilities.has("side-band-64k"))
  }

  private func chosenCapabilities() throws(StoreError) -> Capabilities {
    var chosen = Capabilities()
    for word in ["multi_ack_detailed", "side-band-64k"] where session.capabilities.has(word) { chosen.add(word) }
    for option in request.options where session.capabilities.has(option.rawValue) { chosen.add(option.rawValue) }
    if session.capabilities.has("object-format") { chosen.add("object-format=\(session.format.rawValue)") }
    if session.capabilities.has("agent") { chosen.add("agent=\(Agent.name)") }
    var needed: [String] = []
    switch request.deepening {
    case nil: if !request.shallow.isEmpty { needed = ["shallow"] }
    case .depth: needed = ["shallow"]
    case .relative: needed = ["shallow", "deepen-relative"]
    case .since(let time, let names):
      needed = ["shallow"] + (time == nil ? [] : ["deepen-since"]) + (names.isEmpty ? [] : ["deepen-not"])
    }
    if request.filter != nil { needed.append("filter") }
    for word in needed {
      guard session.capabilities.has(word) else { throw .invalid("the server cannot do this: it has no \(word)") }
      if word != "shallow" { chosen.add(word) }
    }
    return chosen
  }

  /// Reads up to the last `ACK`, or `NAK`, behind which the pack begins.
  private func readConversation(_ answer: PacketReader) throws(StoreError) {
    while true {
      guard let text = try answer.expect().text else {
        throw .malformed(FormatError("answer to fetch", "it ends before the pack"))
      }
      if text.elementsEqual("NAK".utf8) { return }
      guard text.starts(with: "ACK ".utf8) else {
        throw .malformed(FormatError("answer to fetch", "\(Text.readable(text)) is neither ACK nor NAK"))
      }
      let status = text.split(separator: UInt8(ascii: " ")).dropFirst(2).first
      if status == nil { return }
    }
  }
}
