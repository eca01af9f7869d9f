extension BlockListBuilder {
  /// `||ads.example^`, `@@||ok.example^`, each with options after `$`.
  ///
  /// Only rules about a whole name and all that is below it are a name service's: a path, a place inside the name, or an option that depends on the
  /// page that asks makes a rule unsupported.
  mutating func readAdblockRule(_ text: UnsafeRawBufferPointer) -> LineOutcome {
    let isException = text.hasPrefix("@@")
    let rule = isException ? text.dropping(2) : text
    guard rule.hasPrefix("||") else { return .unsupported }
    var pattern = rule.dropping(2)
    if let dollar = pattern.firstIndex(of: UInt8(ascii: "$")) {
      guard areSupported(options: pattern.dropping(dollar + 1), isException) else { return .unsupported }
      pattern = pattern.part(0..<dollar)
    }
    if pattern.last == UInt8(ascii: "|") { pattern = pattern.part(0..<pattern.count - 1) }
    if pattern.last == UInt8(ascii: "^") { pattern = pattern.part(0..<pattern.count - 1) }
    let isBelowOnly = pattern.hasPrefix("*.")
    if isBelowOnly { pattern = pattern.dropping(2) }
    guard let name = scratch.encode(pattern) else {
      return pattern.contains(where: isPatternByte) || pattern.contains(where: isBlank) ? .unsupported : .malformed
    }
    let marks: SuffixMark = isException ? .allow : .block
    take(name, isBelowOnly ? marks.intersection([.blockBelow, .allowBelow]) : marks)
    return .done
  }

  /// True where every option means "always", so that the name service can honour the rule.
  private func areSupported(options: UnsafeRawBufferPointer, _ isException: Bool) -> Bool {
    for option in options.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      let option = UnsafeRawBufferPointer(rebasing: option)
      let isSupported =
        option.equals("important")
        || !isException && (option.equals("all") || option.equals("document") || option.equals("doc"))
      guard isSupported else { return false }
    }
    return true
  }
}
