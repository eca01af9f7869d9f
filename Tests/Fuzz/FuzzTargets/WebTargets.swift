import GitFormat
import VersionedStore
import Wire

#if DEBUG || FUZZING
  @testable import StoreSync
#else
  import StoreSync
#endif

extension FuzzTarget {
  /// Bodies in chunks: where the bytes are cut does not matter, data is never more than came, and what follows the end
  /// is left alone. Heads alone say what whole messages say.
  static let httpBody = FuzzTarget("http-body") { bytes in
    let whole = chunks(in: bytes, pieceLength: bytes.count)
    for length in [1, 3, 64] {
      let cut = chunks(in: bytes, pieceLength: length)
      try promise(cut == whole, "by \(length) bytes: \(cut); at once: \(whole)")
    }
    try promise(whole.data.count + (whole.rest?.count ?? 0) <= bytes.count, "more data than bytes")
    var (heads, messages) = (HTTPMessageBuffer(headLimit: 1_024), HTTPMessageBuffer(headLimit: 1_024))
    heads.append(bytes)
    messages.append(bytes)
    guard let (message, body) = try? messages.nextRequest() else { return }
    let head = try? heads.nextRequestHead()
    try promise(head?.head == message, "the head is \(message), alone it is \(String(describing: head))")
    try promise((try? message.bodyLength()) == .bytes(body.count), "a body of \(body.count) bytes has another length")
    try promise(heads.unread.starts(with: body), "the body does not follow the head")
  }

  private struct Chunks: Equatable {
    var data: [UInt8] = []
    /// What followed the body's end; nil where it had none.
    var rest: [UInt8]?
    var isMalformed = false
  }

  private static func chunks(in bytes: [UInt8], pieceLength: Int) -> Chunks {
    var reader = HTTPChunkReader()
    var found = Chunks()
    var offset = 0
    while offset < bytes.count {
      let piece = Array(bytes[offset..<min(offset + pieceLength, bytes.count)])
      do throws(HTTPParseError) {
        switch try reader.next(in: piece.span.bytes) {
        case .more: offset += piece.count
        case .data(let range):
          found.data += piece[range]
          offset += range.upperBound
        case .end(let end):
          found.rest = Array(bytes[(offset + end)...])
          return found
        }
      } catch {
        found.isMalformed = true
        return found
      }
    }
    return found
  }

  /// Files of rights: refused with places, or taken, and then nobody has a right to what only the store itself names who
  /// is not its administrator.
  static let storeRights = FuzzTarget("store-rights") { bytes in
    for ofFolder in [true, false] {
      do {
        let file = try RightsFile(parsing: bytes, ofFolder: ofFolder)
        for principal in [Principal.person("ada"), .service("x"), .device("tablet")] {
          let access = file.rights.access(of: principal, to: "shared/home")
          try check(access, file)
        }
      } catch let error as RightsFileErrors {
        try promise(!error.lines.isEmpty, "refused without an error")
        for line in error.lines {
          let words = line.split(separator: ":", maxSplits: 3)
          try promise(words.count == 4 && Int(words[1]) ?? 0 >= 1 && Int(words[2]) ?? 0 >= 1, "no place: \(line)")
        }
      }
    }
  }

  private static func check(_ access: Access, _ file: RightsFile) throws {
    guard let main = RefName("refs/heads/main"), let own = RefName("refs/lares/undo/1/heads/main") else { return }
    for name in [main, own] {
      let powers = Power.allCases.filter { access.may($0, name) }
      try promise(powers.isEmpty || powers.contains(.read), "\(powers) without read")
      try promise(!powers.contains(.administer) || powers.count == Power.allCases.count, "administer is not all")
      try promise(access.mayChange(name) == (powers != [.read] && !powers.isEmpty), "what may change \(name)")
    }
    try promise(!access.may(.read, own) || access.may(.administer, own), "the store's own references are read")
    try promise(!access.isEmpty || !access.may(.read, main), "a repository that is not there is read")
  }
}

#if DEBUG || FUZZING
  extension FuzzTarget {
    /// A request to the web server up to the point where its repository is known, its login, and files of passwords.
    static let webRequest = FuzzTarget("web-request") { bytes in
      if let file = try? PasswordFile(parsing: bytes) {
        try promise((try? PasswordFile(parsing: file.bytes)) == file, "passwords change by writing")
      }
      var buffer = HTTPMessageBuffer(headLimit: 4_096)
      buffer.append(bytes)
      guard let (head, _) = try? buffer.nextRequestHead() else { return }
      if let target = WebTarget(head) {
        try promise(["info/refs", "git-upload-pack", "git-receive-pack"].contains(target.path), "\(target)")
      }
      if let target = try? ValueTarget(head) {
        try promise(!"/\(target.repository)/".contains("/-/"), "\(target)")
        try promise(target.resource.parameters[target.method] != nil, "\(target)")
        for name in target.path.names {
          try promise(!name.bytes.isEmpty && !name.bytes.contains(UInt8(ascii: "/")), "\(target)")
        }
      }
      if let (name, password) = head.value(of: "authorization").flatMap(BasicCredentials.parse) {
        try promise(name.utf8.count + password.count <= bytes.count, "a login longer than the request")
        try promise(!name.utf8.contains(UInt8(ascii: ":")), "a name with a colon")
      }
      guard let length = try? head.bodyLength() else { return }
      let body = drain(buffer.unread, length, pieceLength: .max)
      try promise(body == drain(buffer.unread, length, pieceLength: 1), "a body depends on where it is cut")
    }

    private static func drain(_ bytes: [UInt8], _ length: HTTPBodyLength, pieceLength: Int) -> [UInt8] {
      let source = WebRequestBody(
        BufferedInput(MemoryStream(bytes, pieceLength: pieceLength)), length, onAsking: nil)
      var all: [UInt8] = []
      let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 16)
      defer { room.deallocate() }
      while let count = try? source.read(into: room), count > 0 { all += room[..<count] }
      return all
    }
  }
#endif
