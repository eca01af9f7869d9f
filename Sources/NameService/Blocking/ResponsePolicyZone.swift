/// Where the reader of a response policy zone is (RPZ, draft-vixie-dnsop-dns-rpz): a master file (RFC 1035 section 5) whose owners are the names
/// that it is about.
struct ResponsePolicyZone {
  /// Current `$ORIGIN` in lower case on the wire; nil: the root.
  fileprivate var origin: [UInt8]?
  /// The zone's own name, cut from the end of owners.
  fileprivate var apex: [UInt8]?
  /// The previous record's owner as text, for lines that begin with a blank.
  fileprivate var owner: [UInt8] = []
  fileprivate var openParentheses = 0

  /// Inside a record that goes on over several lines; its further lines say nothing about names.
  var isInsideParentheses: Bool { openParentheses > 0 }
}

/// Where the owner of a policy record lies.
private enum Trigger {
  case name(UnsafeRawBufferPointer, SuffixMark)
  /// The zone's own name, whose SOA and NS records are not policy.
  case apex
  /// `rpz-ip` and its like, or every name at once.
  case unsupported
  case malformed
}

extension BlockListBuilder {
  /// One line of a response policy zone.
  mutating func readZoneLine(_ line: UnsafeRawBufferPointer) -> LineOutcome {
    let (line, parentheses) = withoutComment(line)
    if zone.isInsideParentheses {
      zone.openParentheses = max(0, zone.openParentheses + parentheses)
      return .done
    }
    var words = LineWords(line)
    guard let first = words.next() else { return .done }
    if first[0] == UInt8(ascii: "$") { return readDirective(first, words.next()) }
    let hasOwner = !isBlank(line[0])
    if !hasOwner { words = LineWords(line) }
    guard let type = nextType(&words), first.count <= 255 else { return .malformed }
    zone.openParentheses = max(0, parentheses)
    if hasOwner { zone.owner = Array(first) }
    return readRecord(type, words)
  }

  private mutating func readDirective(_ directive: UnsafeRawBufferPointer, _ argument: UnsafeRawBufferPointer?)
    -> LineOutcome
  {
    if directive.equals("$TTL") { return argument == nil ? .malformed : .done }
    guard directive.equals("$ORIGIN") else { return .unsupported }
    guard let argument else { return .malformed }
    if argument.equals(".") {
      zone.origin = nil
      return .done
    }
    guard let name = absolute(argument) else { return .malformed }
    zone.origin = name
    if zone.apex == nil { zone.apex = name }
    return .done
  }

  /// A record of the current owner: its type, and the words of its data.
  private mutating func readRecord(_ type: UnsafeRawBufferPointer, _ data: LineWords) -> LineOutcome {
    var words = data
    let owner = zone.owner
    if type.equals("SOA") {
      if let name = owner.withUnsafeBytes({ absolute($0) }) { zone.apex = name }
      return .done
    }
    if type.equals("NS") { return .done }
    guard type.equals("CNAME") else { return .unsupported }
    guard let target = words.next() else { return .malformed }
    let isBlock = target.equals(".") || target.equals("*.") || target.equals("rpz-drop.")
    guard isBlock || target.equals("rpz-passthru.") else { return .unsupported }
    return owner.withUnsafeBytes { owner in
      switch trigger(owner) {
      case .name(let name, let scope):
        take(name, scope.intersection(isBlock ? .block : .allow))
        return .done
      case .apex, .unsupported: return .unsupported
      case .malformed: return .malformed
      }
    }
  }

  /// The name that an owner is about: the owner without the zone's name and without `*`.
  private func trigger(_ owner: UnsafeRawBufferPointer) -> Trigger {
    if owner.equals("@") { return .apex }
    if owner.equals("*") { return .unsupported }
    let isWildcard = owner.hasPrefix("*.")
    let text = isWildcard ? owner.dropping(2) : owner
    let scope: SuffixMark = isWildcard ? [.blockBelow, .allowBelow] : [.blockName, .allowName]
    // The usual case: relative to the zone itself.
    if zone.origin == zone.apex, text.last != UInt8(ascii: ".") {
      guard let name = scratch.encode(text) else { return .malformed }
      return isSpecial(name) ? .unsupported : .name(name, scope)
    }
    guard var name = absolute(text) else { return .malformed }
    if let apex = zone.apex {
      guard let cut = suffixStart(of: name, apex) else { return .malformed }
      guard cut > 0 else { return isWildcard ? .unsupported : .apex }
      name.replaceSubrange(cut..., with: CollectionOfOne(0))
    }
    return name.withUnsafeBytes { name in
      let copy = scratch.copy(name)
      return isSpecial(copy) ? .unsupported : .name(copy, scope)
    }
  }

  /// A name of the master file in lower case on the wire: `@`, absolute with a final dot, else relative to the origin.
  private func absolute(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    if text.equals("@") { return zone.origin }
    guard let name = scratch.encode(text) else { return nil }
    guard text.last != UInt8(ascii: "."), let origin = zone.origin else { return Array(name) }
    let full = Array(name.dropLast()) + origin
    return full.count <= 255 ? full : nil
  }

  /// Steps over TTL and class to the type; nil where there is no known one.
  private func nextType(_ words: inout LineWords) -> UnsafeRawBufferPointer? {
    while let word = words.next() {
      if isKnownType(word) { return word }
      guard word.equals("IN") || isDuration(word) else { return nil }
    }
    return nil
  }

  /// Cuts a comment, and counts how many parentheses stay open; both mean nothing inside quotes.
  private func withoutComment(_ line: UnsafeRawBufferPointer) -> (UnsafeRawBufferPointer, parentheses: Int) {
    var isQuoted = false
    var parentheses = 0
    for (index, byte) in line.enumerated() {
      switch byte {
      case UInt8(ascii: "\""): isQuoted.toggle()
      case UInt8(ascii: ";") where !isQuoted: return (line.part(0..<index), parentheses)
      case UInt8(ascii: "(") where !isQuoted: parentheses += 1
      case UInt8(ascii: ")") where !isQuoted: parentheses -= 1
      default: break
      }
    }
    return (line, parentheses)
  }
}

/// `300`, `1h`, `2w3d`.
private func isDuration(_ word: UnsafeRawBufferPointer) -> Bool {
  guard let first = word.first, first &- UInt8(ascii: "0") < 10 else { return false }
  return word.allSatisfy { byte in
    switch byte | 0x20 {
    case UInt8(ascii: "s"), UInt8(ascii: "m"), UInt8(ascii: "h"), UInt8(ascii: "d"), UInt8(ascii: "w"): true
    default: byte &- UInt8(ascii: "0") < 10
    }
  }
}

private func isKnownType(_ word: UnsafeRawBufferPointer) -> Bool {
  let types: [StaticString] = ["CNAME", "A", "AAAA", "TXT", "SOA", "NS", "DNAME", "MX", "SRV", "PTR", "CAA", "HTTPS"]
  return types.contains { word.equals($0) }
}

/// True where the last label names another kind of trigger: `rpz-ip`, `rpz-nsdname`, `rpz-nsip`, `rpz-client-ip`.
private func isSpecial(_ name: UnsafeRawBufferPointer) -> Bool {
  var index = 0
  var last = name
  while index < name.count, name[index] != 0 {
    last = name.dropping(index + 1)
    index += 1 + Int(name[index])
  }
  return last.hasPrefix("rpz-")
}

/// Where `ancestor` begins in `name`; nil where the name is not within it. Both on the wire in lower case.
private func suffixStart(of name: [UInt8], _ ancestor: [UInt8]) -> Int? {
  var index = 0
  while name.count - index > ancestor.count, name[index] != 0 { index += 1 + Int(name[index]) }
  return name.count - index == ancestor.count && name[index...].elementsEqual(ancestor) ? index : nil
}
