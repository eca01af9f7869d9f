import Wire

/// What became of a line of a blocklist.
enum LineOutcome {
  /// Its names were taken, or it has none: blank lines, comments, headers.
  case done
  /// A rule that hides parts of pages.
  case cosmetic
  /// Well-formed, but more than a name service can do.
  case unsupported
  case malformed
}

extension BlockListBuilder {
  /// Recognises the syntax of one line, without its line end, and takes its names.
  mutating func readRule(_ line: UnsafeRawBufferPointer) -> LineOutcome {
    if zone.isInsideParentheses { return readZoneLine(line) }
    let text = line.trimmed
    guard let first = text.first else { return .done }
    switch first {
    case UInt8(ascii: "#"), UInt8(ascii: "!"), UInt8(ascii: ";"), UInt8(ascii: "["): return .done
    case UInt8(ascii: "|"), UInt8(ascii: "/"), UInt8(ascii: "&"), UInt8(ascii: "^"): return readAdblockRule(text)
    case UInt8(ascii: "$"): return readZoneLine(line)
    case UInt8(ascii: "@"): return text.hasPrefix("@@") ? readAdblockRule(text) : readZoneLine(line)
    default: break
    }
    var words = LineWords(text)
    guard let word = words.next() else { return .done }
    if word.count == text.count { return readSingleWord(word) }
    if let target = HostsTarget(word) { return readHostsLine(words, target) }
    if isCosmetic(word) { return .cosmetic }
    if let second = words.next(), second[0] == UInt8(ascii: "#") { return readSingleWord(word) }
    return readZoneLine(line)
  }

  /// `0.0.0.0 ads.example tracker.example # comment`.
  private mutating func readHostsLine(_ words: LineWords, _ target: HostsTarget) -> LineOutcome {
    guard target == .nowhere else { return .unsupported }
    var words = words
    var outcome = LineOutcome.malformed
    while let word = words.next() {
      let comment = word.firstIndex(of: UInt8(ascii: "#")) ?? word.count
      if comment > 0 {
        let host = word.part(0..<comment)
        guard let name = scratch.encode(host) else { return .malformed }
        if !isNameOfThisHost(host), HostsTarget(host) == nil { take(name, .blockName) }
        outcome = .done
      }
      if comment < word.count { break }
    }
    return outcome
  }

  /// A plain name, `*.name`, or an adblock pattern that begins with a name.
  private mutating func readSingleWord(_ word: UnsafeRawBufferPointer) -> LineOutcome {
    if let name = scratch.encode(word) {
      guard HostsTarget(word) == nil else { return .malformed }
      take(name, .blockName)
      return .done
    }
    if word.hasPrefix("*."), let name = scratch.encode(word.dropping(2)) {
      take(name, .block)
      return .done
    }
    if isCosmetic(word) { return .cosmetic }
    if let hash = word.firstIndex(of: UInt8(ascii: "#")) { return readSingleWord(word.part(0..<hash)) }
    return word.contains(where: isPatternByte) && !word.isEmpty ? .unsupported : .malformed
  }

  /// `example.org##.banner`, with the variants `#@#`, `#?#`, `#$#`, `#%#`.
  private func isCosmetic(_ word: UnsafeRawBufferPointer) -> Bool {
    guard let hash = word.firstIndex(of: UInt8(ascii: "#")), hash + 1 < word.count else { return false }
    switch word[hash + 1] {
    case UInt8(ascii: "#"), UInt8(ascii: "@"), UInt8(ascii: "?"), UInt8(ascii: "$"), UInt8(ascii: "%"): return true
    default: return false
    }
  }
}

/// Bytes of adblock patterns that no name has.
func isPatternByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "|"), UInt8(ascii: "="),
    UInt8(ascii: "?"), UInt8(ascii: "&"), UInt8(ascii: ":"), UInt8(ascii: "~"), UInt8(ascii: ","):
    true
  default: false
  }
}

/// The address that a hosts line gives to its names.
private enum HostsTarget {
  /// `0.0.0.0`, `127.0.0.1`, `::`, `::1`: the names lead nowhere.
  case nowhere
  /// A real address: not for a blocklist.
  case elsewhere

  /// Nil where the word is no address.
  init?(_ word: UnsafeRawBufferPointer) {
    if word.equals("0.0.0.0") || word.equals("127.0.0.1") {
      self = .nowhere
      return
    }
    guard let last = word.last, last &- UInt8(ascii: "0") < 10 || word.contains(UInt8(ascii: ":")),
      let address = IPAddress(String(decoding: word, as: UTF8.self))
    else { return nil }
    switch address {
    case .v4(let address): self = address.value >> 24 == 0 || address.value >> 24 == 127 ? .nowhere : .elsewhere
    case .v6(let address): self = address == .any || address == .loopback ? .nowhere : .elsewhere
    }
  }
}

/// Names that every hosts file gives to its own machine; they are not there to be blocked.
private func isNameOfThisHost(_ name: UnsafeRawBufferPointer) -> Bool {
  name.equals("localhost") || name.equals("localhost.localdomain") || name.equals("local")
    || name.equals("broadcasthost") || name.hasPrefix("ip6-")
}
