import Household
import Wire

/// What the household has against an upstream's answer to a question that it lets pass.
///
/// Asked once per upstream answer and policy group, never for answers from the cache.
struct AnswerPolicy: Sendable {
  let rebinding: RebindingGuard
  let blocks: BlockList

  enum Objection: Equatable {
    /// It leads into the house.
    case localAddress(IPAddress)
    /// The name asked is an alias, by one step or by several, of a name that a list blocks.
    case blockedAlias(of: DomainName, list: String)
  }

  /// The first objection to an answer; nil: none.
  func objection(to message: borrowing DNSMessage, question: Question) -> Objection? {
    if let address = rebinding.localAddress(in: message, question: question) { return .localAddress(address) }
    guard PolicyGroup(rawValue: question.traits.group).usesBlocklists,
      blocks.match(question.name) != .allowed
    else { return nil }
    return blockedAlias(in: message)
  }

  /// Looks at where aliases lead to, so that also one whose target has no records of the type is found.
  private func blockedAlias(in message: borrowing DNSMessage) -> Objection? {
    guard var offset = message.question?.end else { return nil }
    for _ in 0..<message.answerCount {
      guard let record = message.record(at: offset) else { return nil }
      offset = record.end
      guard record.type == .cname, let target = message.bytes.dnsName(at: record.data.lowerBound)?.name,
        case .blocked(let list) = blocks.match(target)
      else { continue }
      return .blockedAlias(of: target.canonical, list: blocks.name(ofList: list))
    }
    return nil
  }
}

extension RebindingGuard {
  /// The first address in an answer that a name on the Internet has no reason to carry; nil where there is none or the name is exempt.
  fileprivate func localAddress(in message: borrowing DNSMessage, question: Question) -> IPAddress? {
    guard !question.name.wire.withUnsafeBytes({ isExempt($0) }) else { return nil }
    guard var offset = message.question?.end else { return nil }
    for _ in 0..<message.answerCount {
      guard let record = message.record(at: offset) else { return nil }
      let data = message.bytes.extracting(record.data)
      if let address = Self.localAddress(inRecordOf: record.type, data: data) { return address }
      offset = record.end
    }
    return nil
  }
}

extension AnswerRecords {
  /// What is said in place of an answer.
  init(_ objection: AnswerPolicy.Objection) {
    switch objection {
    case .localAddress(let address):
      self.init(
        flags: [.response, .recursionAvailable], extendedError: .blocked,
        extendedText: Array("the answer has the local address \(address); see dns.rebinding-allowed".utf8))
    case .blockedAlias(let target, let list): self = .blocked(by: "\(list), as an alias of \(target)")
    }
  }
}
