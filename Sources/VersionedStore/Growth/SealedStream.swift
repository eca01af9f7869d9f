import CCrypto
import GitFormat

/// How a passphrase becomes a key: scrypt (RFC 7914).
public struct PassphraseCost: Equatable, Sendable {
  /// The logarithm of N, to base 2.
  public var logarithm: UInt8
  public var blockSize: UInt8 = 8
  public var parallelism: UInt8 = 1

  /// - Parameter logarithm: 15 takes 32 MiB and about a tenth of a second.
  public init(logarithm: UInt8 = 15) { self.logarithm = logarithm }

  /// What a file may ask of its reader: 256 MiB at most.
  public var isAcceptable: Bool {
    (1...18).contains(logarithm) && (1...8).contains(blockSize) && (1...4).contains(parallelism)
  }
}

extension PassphraseCost {
  /// The key of 32 bytes that a passphrase and a salt give.
  ///
  /// - Throws: `.tooLarge` where there is not the memory for it.
  public func key(of passphrase: [UInt8], salt: [UInt8]) throws(StoreError) -> [UInt8] {
    var key = [UInt8](repeating: 0, count: 32)
    let memory: UInt64 = 512 << 20
    let done = passphrase.withUnsafeBytes { bytes in
      EVP_PBE_scrypt(
        bytes.bindMemory(to: CChar.self).baseAddress, bytes.count, salt, salt.count, 1 << UInt64(logarithm),
        UInt64(blockSize), UInt64(parallelism), memory, &key, key.count)
    }
    guard done == 1 else { throw .tooLarge("deriving a key from the passphrase takes more memory than there is") }
    return key
  }
}

/// The format of an encrypted stream.
///
/// A header (magic, costs, salt, a checksum that tells damage from a wrong passphrase, and a seal of nothing that proves
/// the passphrase), then chunks of 64 KiB, each sealed by ChaCha20-Poly1305 (RFC 8439) with the header as associated data
/// and its number and whether it is the last one as nonce: the STREAM construction (V. T. Hoang et al., "Online
/// Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015). So nothing can be cut off, put elsewhere or
/// changed without being found.
enum SealedFormat {
  static let magic = Array("LARESBK1".utf8)
  static let saltLength = 16
  static let checkLength = 8
  static let tagLength = 16
  static let chunkLength = 64 << 10
  static let headerLength = magic.count + 3 + saltLength + checkLength + tagLength

  /// What stands before the passphrase's proof.
  static func header(_ cost: PassphraseCost, salt: [UInt8]) -> [UInt8] {
    let start = magic + [cost.logarithm, cost.blockSize, cost.parallelism] + salt
    return start + checksum(start)
  }

  static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    var hash = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    SHA256(bytes, bytes.count, &hash)
    return Array(hash.prefix(checkLength))
  }

  /// The nonce of the proof: no chunk has this number.
  static let proof: [UInt8] = Array(repeating: 0xFF, count: 12)

  static func nonce(_ number: UInt64, isLast: Bool) -> [UInt8] {
    [0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) } + [isLast ? 1 : 0]
  }
}

/// Seals and opens chunks under one key.
final class ChunkCipher {
  private let context: OpaquePointer
  private let key: [UInt8]
  private let header: [UInt8]

  init(key: [UInt8], header: [UInt8]) throws(StoreError) {
    guard let context = EVP_CIPHER_CTX_new() else { throw .tooLarge("a cipher takes more memory than there is") }
    self.context = context
    self.key = key
    self.header = header
  }

  deinit { EVP_CIPHER_CTX_free(context) }

  /// The bytes, encrypted, and their tag.
  func seal(_ bytes: some Collection<UInt8>, _ nonce: [UInt8]) throws(StoreError) -> [UInt8] {
    let plain = Array(bytes)
    var sealed = [UInt8](repeating: 0, count: plain.count + SealedFormat.tagLength)
    var tag = [UInt8](repeating: 0, count: SealedFormat.tagLength)
    var length: Int32 = 0
    let done =
      EVP_EncryptInit_ex(context, EVP_chacha20_poly1305(), nil, key, nonce) == 1
      && EVP_EncryptUpdate(context, nil, &length, header, Int32(header.count)) == 1
      && EVP_EncryptUpdate(context, &sealed, &length, plain, Int32(plain.count)) == 1
      && EVP_EncryptFinal_ex(context, &tag, &length) == 1
      && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), &tag) == 1
    guard done else { throw .invalid("the cipher library refuses ChaCha20-Poly1305") }
    sealed.replaceSubrange(plain.count..., with: tag)
    return sealed
  }

  /// The bytes; nil where they are not what was sealed with this nonce.
  func open(_ sealed: some Collection<UInt8>, _ nonce: [UInt8]) -> [UInt8]? {
    guard sealed.count >= SealedFormat.tagLength else { return nil }
    let cipher = Array(sealed.dropLast(SealedFormat.tagLength))
    var tag = Array(sealed.suffix(SealedFormat.tagLength))
    var plain = [UInt8](repeating: 0, count: cipher.count + 1)
    var end = [UInt8](repeating: 0, count: SealedFormat.tagLength)
    var length: Int32 = 0
    let isWhole =
      EVP_DecryptInit_ex(context, EVP_chacha20_poly1305(), nil, key, nonce) == 1
      && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1
      && EVP_DecryptUpdate(context, nil, &length, header, Int32(header.count)) == 1
      && EVP_DecryptUpdate(context, &plain, &length, cipher, Int32(cipher.count)) == 1
      && EVP_DecryptFinal_ex(context, &end, &length) == 1
    return isWhole ? Array(plain.dropLast()) : nil
  }
}

/// Encrypts a stream under a passphrase. One chunk is in memory at a time.
public final class SealedWriter {
  private let cipher: ChunkCipher
  private let sink: PackSink
  private var pending: [UInt8] = []
  private var number: UInt64 = 0
  private var isFinished = false

  /// Writes the header.
  ///
  /// - Parameters:
  ///   - salt: 16 random bytes, never the same for two streams.
  ///   - sink: takes the encrypted bytes in order.
  public init(
    passphrase: [UInt8], salt: [UInt8], _ cost: PassphraseCost = PassphraseCost(), sink: @escaping PackSink
  ) throws(StoreError) {
    guard salt.count == SealedFormat.saltLength, cost.isAcceptable, !passphrase.isEmpty else {
      throw .invalid("an encrypted stream needs a passphrase, a salt of 16 bytes and costs that its reader accepts")
    }
    let header = SealedFormat.header(cost, salt: salt)
    cipher = try ChunkCipher(key: try cost.key(of: passphrase, salt: salt), header: header)
    self.sink = sink
    pending.reserveCapacity(2 * SealedFormat.chunkLength)
    try Self.give(header + cipher.seal([], SealedFormat.proof), to: sink)
  }

  public func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    precondition(!isFinished)
    var rest = bytes[...]
    while !rest.isEmpty {
      // A full chunk waits until more comes: it may be the last.
      if pending.count == SealedFormat.chunkLength { try flush(isLast: false) }
      let piece = rest.prefix(SealedFormat.chunkLength - pending.count)
      pending.append(contentsOf: piece)
      rest = rest.dropFirst(piece.count)
    }
  }

  /// Writes the last chunk: without it the stream counts as cut off.
  ///
  /// - Precondition: nothing is written after it.
  public func finish() throws(StoreError) {
    precondition(!isFinished)
    try flush(isLast: true)
    isFinished = true
  }

  private func flush(isLast: Bool) throws(StoreError) {
    try Self.give(try cipher.seal(pending, SealedFormat.nonce(number, isLast: isLast)), to: sink)
    pending.removeAll(keepingCapacity: true)
    number += 1
  }

  private static func give(_ bytes: [UInt8], to sink: PackSink) throws(StoreError) {
    let bytes = bytes.span.bytes
    try bytes.withUnsafeBytes { bytes throws(StoreError) in try sink(bytes) }
  }
}

/// Decrypts what `SealedWriter` wrote, chunk by chunk: what it gives is what was written, up to there.
public final class SealedReader {
  /// Gives up to so many bytes, fewer only at the end.
  public typealias Source = (_ count: Int) throws(StoreError) -> [UInt8]

  private let cipher: ChunkCipher
  private let source: Source
  private var number: UInt64 = 0
  /// The first byte of the next chunk tells whether there is one.
  private var ahead: [UInt8]
  private var isOver = false

  /// Reads the header.
  ///
  /// - Throws: `.denied` where the passphrase is wrong, `.invalid` for what is no such stream, `.malformed` where the
  ///   header is damaged.
  public init(passphrase: [UInt8], source: @escaping Source) throws(StoreError) {
    let header = try source(SealedFormat.headerLength)
    guard header.starts(with: SealedFormat.magic) else { throw .invalid("this is no encrypted backup of Lares") }
    let proofStart = SealedFormat.headerLength - SealedFormat.tagLength
    let checkStart = proofStart - SealedFormat.checkLength
    guard header.count == SealedFormat.headerLength,
      SealedFormat.checksum(Array(header[..<checkStart])) == Array(header[checkStart..<proofStart])
    else { throw Self.damaged("its header is changed or cut off") }
    let costs = SealedFormat.magic.count
    var cost = PassphraseCost(logarithm: header[costs])
    cost.blockSize = header[costs + 1]
    cost.parallelism = header[costs + 2]
    guard cost.isAcceptable else { throw .tooLarge("the backup asks for more memory than is given to a passphrase") }
    let salt = Array(header[(costs + 3)..<checkStart])
    cipher = try ChunkCipher(
      key: try cost.key(of: passphrase, salt: salt), header: Array(header[..<proofStart]))
    guard cipher.open(header[proofStart...], SealedFormat.proof) != nil else {
      throw .denied("the passphrase is not the one that the backup was made with")
    }
    self.source = source
    ahead = try source(1)
  }

  /// The next chunk; nil behind the last one.
  ///
  /// - Throws: `.malformed` where a byte was changed, or something is missing, too much or at another place.
  public func next() throws(StoreError) -> [UInt8]? {
    if isOver { return nil }
    let sealed = ahead + (try source(SealedFormat.chunkLength + SealedFormat.tagLength - ahead.count))
    ahead = try source(1)
    isOver = ahead.isEmpty
    guard let bytes = cipher.open(sealed, SealedFormat.nonce(number, isLast: isOver)) else {
      throw Self.damaged("chunk \(number) is changed, missing or at another place, or the end is cut off")
    }
    number += 1
    return bytes
  }

  private static func damaged(_ why: String) -> StoreError { .malformed(FormatError("encrypted backup", why)) }
}
