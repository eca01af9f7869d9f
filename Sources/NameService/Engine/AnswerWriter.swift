import Wire

/// Writes answers that do not come out of the cache: through an entry in memory of its own, so that there is one way to
/// write an answer.
struct AnswerWriter: ~Copyable {
  /// Room for the largest entry: a head, a name, `AnswerRecords.maximumBody` octets and the offsets of their TTLs.
  private static let entrySize = 98_304
  /// Room for the largest message.
  static let messageSize = 65_535

  private let entry: UnsafeMutableRawPointer
  private let message: UnsafeMutableRawPointer

  init() {
    entry = .allocate(byteCount: Self.entrySize, alignment: 16)
    message = .allocate(byteCount: Self.messageSize + 1, alignment: 16)
  }

  deinit {
    entry.deallocate()
    message.deallocate()
  }

  /// The whole answer to the query in `question`, good until the next call; SERVFAIL where its records fit no message.
  func write(
    _ answer: StoredAnswer, key: borrowing QuestionKey, question: UnsafeRawBufferPointer, query: DNSQuery,
    terms: CacheEntry.Terms
  ) -> UnsafeRawBufferPointer {
    let size = CacheEntry.size(of: answer.records, wordCount: key.wordCount)
    guard let start = question.baseAddress, answer.records.body.count <= AnswerRecords.maximumBody,
      size <= Self.entrySize
    else { return write(.serverFailure, question: question, query: query, error: .other) }
    let view = CacheEntry(base: entry)
    view.write(answer, key: key, size: size)
    return write(view, question: start, query: query, terms: terms)
  }

  /// The same from an entry of the cache.
  func write(
    _ entry: CacheEntry, question: UnsafeRawPointer, query: DNSQuery, terms: CacheEntry.Terms
  ) -> UnsafeRawBufferPointer {
    let length = entry.write(into: message, question: question, query: query, terms: terms)
    return UnsafeRawBufferPointer(start: message, count: length)
  }

  /// A response without records: FORMERR, NOTIMP, REFUSED, BADVERS.
  ///
  /// - Parameters:
  ///   - query: nil where the question could not be read; then the answer has none.
  func write(
    _ code: DNSResponseCode, question: UnsafeRawBufferPointer, query: DNSQuery?, error: DNSExtendedError? = nil
  ) -> UnsafeRawBufferPointer {
    guard let start = question.baseAddress, question.count >= dnsHeaderLength else {
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    let asked = DNSFlags(rawValue: start.loadUnaligned(fromByteOffset: 2, as: UInt16.self).bigEndian)
    let flags =
      DNSFlags.response.rawValue | asked.rawValue & 0x7910 | DNSFlags.recursionAvailable.rawValue
      | code.rawValue & 15
    let end = query?.questionEnd ?? dnsHeaderLength
    message.copyMemory(from: start, byteCount: end)
    message.storeBytes(of: flags.bigEndian, toByteOffset: 2, as: UInt16.self)
    message.storeBytes(of: UInt16(query == nil ? 0 : 1).bigEndian, toByteOffset: 4, as: UInt16.self)
    message.storeBytes(of: 0, toByteOffset: 6, as: UInt32.self)
    let hasOptions = query?.hasEDNS ?? false
    message.storeBytes(of: UInt16(hasOptions ? 1 : 0).bigEndian, toByteOffset: 10, as: UInt16.self)
    guard hasOptions else { return UnsafeRawBufferPointer(start: message, count: end) }
    let options = writeDNSOptions(
      at: message + end, wantsDNSSEC: query?.wantsDNSSEC ?? false, error: error,
      extendedCode: UInt8(truncatingIfNeeded: code.rawValue >> 4))
    return UnsafeRawBufferPointer(start: message, count: end + options)
  }
}
