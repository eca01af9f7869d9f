import GitFormat
import VersionedStore

// Version 2 (gitprotocol-v2): each command is a message and its answer.
extension UploadPackServer {
  var commandCapabilities: [String] {
    [
      "agent=\(Agent.name)", "ls-refs=unborn", "fetch=shallow wait-for-done filter ref-in-want", "server-option",
      "object-format=\(backend.format.rawValue)",
    ]
  }

  /// Words and lines that a command has at most besides identifiers.
  private static let maximumWords = 1_000
  private static let maximumPrefixes = 100_000

  /// Answers the next command.
  ///
  /// - Returns: false where the client has no more.
  func answerCommand(_ requests: PacketReader, _ sink: any ByteSink) throws(StoreError) -> Bool {
    guard let first = try requests.next(), case .data = first else { return false }
    var words = Capabilities()
    var packet = first
    while let text = packet.text {
      guard words.words.count < Self.maximumWords else { throw .tooLarge("the command's list of capabilities") }
      words.add(String(decoding: Array(text), as: UTF8.self))
      packet = try requests.expect()
    }
    try words.checkFormat(backend.format)
    let arguments = ArgumentReader(requests, isEmpty: packet != .delimiter)
    switch words.value(of: "command") {
    case "ls-refs": try listReferences(arguments, sink)
    case "fetch": try fetch(arguments, sink)
    case let other:
      throw .invalid("\(Text.readable((other ?? "a request without a command").utf8)) is no command of this server")
    }
    return true
  }

  /// The lines between a command's delimiter and its end.
  struct ArgumentReader {
    private let packets: PacketReader
    private let isEmpty: Bool

    init(_ packets: PacketReader, isEmpty: Bool) {
      self.packets = packets
      self.isEmpty = isEmpty
    }

    func each(_ body: (ArraySlice<UInt8>) throws(StoreError) -> Void) throws(StoreError) {
      guard !isEmpty else { return }
      while let text = try packets.expect().text { try body(text) }
    }
  }

  // MARK: ls-refs

  private func listReferences(_ arguments: ArgumentReader, _ sink: any ByteSink) throws(StoreError) {
    var prefixes: [String] = []
    var words: Set<String> = []
    try arguments.each { (line) throws(StoreError) in
      let text = String(decoding: Array(line), as: UTF8.self)
      if text.hasPrefix("ref-prefix ") {
        guard prefixes.count < Self.maximumPrefixes else { throw .tooLarge("the list of prefixes") }
        prefixes.append(String(text.dropFirst(11)))
      } else if ["symrefs", "peel", "unborn"].contains(text) {
        words.insert(text)
      } else {
        throw .malformed(FormatError("ls-refs", "\(Text.readable(line)) is none of its arguments"))
      }
    }
    try backend.publish()
    let visible = try VisibleReferences(backend, policy)
    let packets = PacketWriter(sink)
    func isAsked(_ name: RefName) -> Bool { prefixes.isEmpty || prefixes.contains { name.text.hasPrefix($0) } }
    if visible.id(of: "HEAD") == nil, visible.headIsVisible, words.contains("unborn"), isAsked(.head) {
      try packets.line(RemoteReference(.head, nil, target: visible.head).line)
    }
    for var reference in visible.references where isAsked(reference.name) {
      if !words.contains("symrefs") { reference.target = nil }
      if !words.contains("peel") { reference.peeled = nil }
      try packets.line(reference.line)
    }
    try packets.write(.flush)
    try packets.send()
  }

  // MARK: fetch

  private func fetch(_ arguments: ArgumentReader, _ sink: any ByteSink) throws(StoreError) {
    var request = FetchRequest()
    try arguments.each { (line) throws(StoreError) in try request.take(line, backend.format) }
    let visible = try VisibleReferences(backend, policy)
    var wantedReferences: [(id: ObjectID, name: String)] = []
    for name in request.wantedReferences {
      guard let id = visible.id(of: name) else { throw .denied("unknown ref \(Text.readable(name.utf8))") }
      wantedReferences.append((id, name))
      request.wants.append(id)
    }
    let packets = PacketWriter(sink)
    let plan = try FetchPlan(backend, visible, request)
    try plan.checkWants(onlyTips: false)
    guard try acknowledge(plan, packets) else { return try packets.send() }
    try tellShallow(plan, packets)
    if !wantedReferences.isEmpty {
      try packets.line("wanted-refs")
      for (id, name) in wantedReferences { try packets.line("\(id) \(name)") }
      try packets.write(.delimiter)
    }
    try packets.line("packfile")
    try packets.send()
    backend.noteFetch(by: policy.person)
    try plan.sendTelling(to: SideBandWriter(sink, .large, isQuiet: request.options.contains(.noProgress)))
    try packets.write(.flush)
    try packets.send()
  }

  /// - Returns: whether the pack follows.
  private func acknowledge(_ plan: FetchPlan, _ packets: PacketWriter) throws(StoreError) -> Bool {
    var acknowledged: [ObjectID] = []
    for have in plan.request.haves where try plan.note(have: have) { acknowledged.append(have) }
    if plan.request.isDone || plan.request.haves.isEmpty { return true }
    try packets.line("acknowledgments")
    if acknowledged.isEmpty { try packets.line("NAK") }
    for id in acknowledged { try packets.line("ACK \(id)") }
    guard !plan.request.options.contains(.waitForDone), try plan.isReady() else {
      try packets.write(.flush)
      return false
    }
    try packets.line("ready")
    try packets.write(.delimiter)
    return true
  }

  private func tellShallow(_ plan: FetchPlan, _ packets: PacketWriter) throws(StoreError) {
    guard plan.boundary != nil || !plan.request.shallow.isEmpty else { return }
    try packets.line("shallow-info")
    for id in plan.boundary?.shallow ?? [] { try packets.line("shallow \(id)") }
    for id in plan.boundary?.unshallow ?? [] { try packets.line("unshallow \(id)") }
    try packets.write(.delimiter)
  }
}

extension FetchPlan {
  /// Sends the pack; an error on the way is told on the channel that the client listens to.
  func sendTelling(to band: SideBandWriter) throws(StoreError) {
    do {
      try send(to: band)
    } catch {
      do throws(StoreError) { try band.fail("\(error)\n") } catch {}
      // The client has been told.
      throw .remote("\(error)")
    }
  }
}
