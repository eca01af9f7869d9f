import GitFormat
import VersionedStore

// Versions 0 and 1 (gitprotocol-pack, "Packfile Negotiation"): the list of references, then one conversation.
extension UploadPackServer {
  func referenceAdvertisement() throws(StoreError) -> ReferenceAdvertisement {
    let visible = try VisibleReferences(backend, policy)
    var capabilities = Capabilities([
      "multi_ack", "thin-pack", "side-band", "side-band-64k", "ofs-delta", "shallow", "deepen-since", "deepen-not",
      "deepen-relative", "no-progress", "include-tag", "multi_ack_detailed", "no-done", "filter",
    ])
    if visible.headIsVisible { capabilities.add("symref=HEAD:\(visible.head)") }
    capabilities.add("object-format=\(backend.format.rawValue)")
    capabilities.add("agent=\(Agent.name)")
    var advertisement = ReferenceAdvertisement(references: visible.references, capabilities: capabilities)
    let seen = VisibleObjects(of: backend, policy.mayRead)
    for commit in try backend.shallowCommits.sorted() where try seen.contains(commit) {
      advertisement.shallow.append(commit)
    }
    return advertisement
  }

  /// How the client wants to hear what is common.
  private enum Acknowledging { case first, all, detailed }

  func answerUploadRequest(_ requests: PacketReader, _ sink: any ByteSink) throws(StoreError) {
    guard let (request, capabilities) = try readUploadRequest(requests) else { return }
    let plan = try FetchPlan(backend, try VisibleReferences(backend, policy), request)
    try plan.checkWants(onlyTips: !isStateless)
    let packets = PacketWriter(sink)
    // Without deepening the list of references has said where our history ends.
    if let boundary = plan.boundary, request.deepening != nil {
      for id in boundary.shallow { try packets.line("shallow \(id)") }
      for id in boundary.unshallow { try packets.line("unshallow \(id)") }
      try packets.write(.flush)
      try packets.send()
    }
    guard try negotiate(plan, capabilities, requests, packets) else { return try packets.send() }
    try packets.send()
    let framing: SideBandWriter.Framing =
      capabilities.has("side-band-64k") ? .large : capabilities.has("side-band") ? .small : .none
    backend.noteFetch(by: policy.person)
    try plan.sendTelling(to: SideBandWriter(sink, framing, isQuiet: request.options.contains(.noProgress)))
    if framing != .none {
      try packets.write(.flush)
      try packets.send()
    }
  }

  /// nil where the client wants nothing.
  private func readUploadRequest(
    _ requests: PacketReader
  ) throws(StoreError) -> (FetchRequest, Capabilities)? {
    var request = FetchRequest()
    var capabilities = Capabilities()
    while let text = try requests.next()?.text {
      var line = text
      // The first line has the capabilities behind the identifier.
      if request.wants.isEmpty, text.starts(with: "want ".utf8) {
        let end = min(text.startIndex + 5 + backend.format.digits, text.endIndex)
        line = text[..<end]
        capabilities = Capabilities(parsing: text[end...])
        // Git says it only by the length of what it wants.
        if capabilities.has("object-format") { try capabilities.checkFormat(backend.format) }
      }
      guard
        line.starts(with: "want ".utf8) || line.starts(with: "shallow ".utf8) || line.starts(with: "deepen".utf8)
          || line.starts(with: "filter ".utf8)
      else { throw .malformed(FormatError("request", "\(Text.readable(line)) does not belong there")) }
      try request.take(line, backend.format)
    }
    guard !request.wants.isEmpty else { return nil }
    for option in FetchRequest.Option.allCases where capabilities.has(option.rawValue) {
      request.options.insert(option)
    }
    if capabilities.has("deepen-relative"), request.deepening != nil {
      try request.take(Array("deepen-relative".utf8)[...], backend.format)
    }
    return (request, capabilities)
  }

  /// Hears what the client has until it is done.
  ///
  /// - Returns: false where the client has gone, or asks again in another request.
  private func negotiate(
    _ plan: FetchPlan, _ capabilities: Capabilities, _ requests: PacketReader, _ packets: PacketWriter
  ) throws(StoreError) -> Bool {
    let mode: Acknowledging =
      capabilities.has("multi_ack_detailed") ? .detailed : capabilities.has("multi_ack") ? .all : .first
    var count = 0
    while let packet = try requests.next() {
      guard let text = packet.text else {
        var isReady = false
        if mode == .detailed { isReady = try plan.isReady() }
        if isReady, let last = plan.common.last { try packets.line("ACK \(last) ready") }
        if plan.common.isEmpty || mode != .first { try packets.line("NAK") }
        if isReady, capabilities.has("no-done"), let last = plan.common.last {
          try packets.line("ACK \(last)")
          return true
        }
        try packets.send()
        if isStateless { return false }
        continue
      }
      if text.elementsEqual("done".utf8) {
        if let last = plan.common.last, mode != .first {
          try packets.line("ACK \(last)")
        } else if plan.common.isEmpty {
          try packets.line("NAK")
        }
        return true
      }
      guard text.starts(with: "have ".utf8), let id = ObjectID(backend.format, hex: text.dropFirst(5)) else {
        throw .malformed(FormatError("request", "\(Text.readable(text)) is neither have nor done"))
      }
      count += 1
      guard count <= FetchRequest.maximumIdentifiers else { throw .tooLarge("the list of what the client has") }
      guard try plan.note(have: id) else { continue }
      switch mode {
      case .detailed: try packets.line("ACK \(id) common")
      case .all: try packets.line("ACK \(id) continue")
      case .first: if plan.common.count == 1 { try packets.line("ACK \(id)") }
      }
    }
    return false
  }
}
