#if DEBUG || FUZZING
  import GitFormat
  @testable import StoreSync
  import VersionedStore

  extension FuzzTarget {
    /// What a client asks `upload-pack` for, of version 2 and, after a first byte `0`, of version 0: an answer or an
    /// error, and nothing changes.
    static let gitFetch = FuzzTarget("git-fetch") { bytes in
      guard let first = bytes.first else { return }
      let backend = try SyncSample.repository()
      let version = first == UInt8(ascii: "0") ? ProtocolVersion.zero : .two
      let server = UploadPackServer(backend, SyncSample.policy, version: version, isStateless: false)
      let answer = MemoryStream()
      let request = MemoryStream(Array(bytes.dropFirst()), pieceLength: 7)
      try onlyStoreErrors { () throws(StoreError) in try server.answer(PacketReader(request), answer) }
      try promise(answer.output.count <= 4_096 * (bytes.count + 1), "an answer of \(answer.output.count) bytes")
    }

    /// A push: whatever a reference names afterwards is there, with all that it reaches.
    static let gitPush = FuzzTarget("git-push") { bytes in
      let backend = try SyncSample.repository()
      let server = ReceivePackServer(backend, SyncSample.policy, version: .zero)
      let request = BufferedInput(MemoryStream(bytes, pieceLength: 7))
      try onlyStoreErrors { () throws(StoreError) in try server.answer(request, MemoryStream()) }
      try SyncSample.checkComplete(backend)
    }

    /// What a server answers to a fetch: the same promise.
    static let gitAnswer = FuzzTarget("git-answer") { bytes in
      let backend = MemoryBackend()
      try onlyStoreErrors { () throws(StoreError) in
        let connection = StreamConnection(MemoryStream(bytes, pieceLength: 7)) { nil }
        let session = try RemoteSession(connection, .uploadPack, format: .sha1)
        var fetch = FetchOptions([try RefSpec("refs/heads/*:refs/heads/*")], who: SyncSample.who)
        fetch.prunes = true
        _ = try Fetch(session, backend, fetch, RemoteOptions()).run()
      }
      try SyncSample.checkComplete(backend)
    }

    /// A bundle: the same promise.
    static let gitBundle = FuzzTarget("git-bundle") { bytes in
      let backend = try SyncSample.repository()
      try onlyStoreErrors { () throws(StoreError) in
        try Bundle.fetch(
          MemoryStream(bytes, pieceLength: 7), into: backend, [try RefSpec("+refs/*:refs/*")], who: SyncSample.who)
      }
      try SyncSample.checkComplete(backend)
    }

    /// Addresses and refspecs: what is accepted is no option for `ssh`, and a name that matches becomes a name.
    static let gitAddress = FuzzTarget("git-address") { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      if case .ssh(let address)? = try? Remote(text) {
        let arguments = Remote.sshArguments(address, .uploadPack, RemoteOptions())
        try promise(arguments[arguments.count - 2].utf8.first != UInt8(ascii: "-"), "an option: \(arguments)")
      }
      guard let refspec = try? RefSpec(text), let name = RefName("refs/heads/main") else { return }
      if refspec.destination(for: name) != nil { try promise(refspec.matches(name), "\(text) names what it is not of") }
    }

    private static func onlyStoreErrors(_ body: () throws(StoreError) -> Void) throws {
      do throws(StoreError) { try body() } catch { _ = "\(error)" }
    }
  }

  /// A repository of three commits, the same each time: the corpus names its objects.
  enum SyncSample {
    static let who = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_800_000)

    static var policy: ServerPolicy {
      var policy = ServerPolicy(person: who) { 1_763_900_000 }
      policy.limits.objects = 1_000
      policy.limits.packBytes = 1 << 20
      policy.limits.objectBytes = 1 << 20
      policy.limits.unpackedBytes = 1 << 24
      return policy
    }

    /// - Parameter count: so many commits, each on the one before.
    static func repository(commits count: Int = 3) throws -> MemoryBackend {
      let backend = MemoryBackend()
      let buffer = ObjectBuffer(over: backend)
      var tip: ObjectID?
      for number in 0..<count {
        let blob = try buffer.write(
          .blob, Array(repeating: UInt8(ascii: "a") + UInt8(number), count: 100 * (number + 1)))
        let folder = try buffer.write(.tree, TreeObject.serialize([TreeEntry("file", .file, blob)]))
        let tree = try buffer.write(.tree, TreeObject.serialize([TreeEntry("folder", .tree, folder)]))
        let time = Signature(name: "Ada", email: "ada@home.arpa", time: 1_763_800_000 + Int64(number))
        let commit = CommitObject(
          tree: tree, parents: tip.map { [$0] } ?? [], author: time, message: "change \(number)\n")
        tip = try buffer.write(.commit, commit.bytes)
      }
      let main = RefName.branch("main")!
      try backend.commit(
        Batch(objects: buffer.objects, refs: [RefChange(main, from: nil, to: tip, who: who, why: "sample")]))
      return backend
    }

    static func checkComplete(_ backend: MemoryBackend) throws {
      for (name, id) in try backend.references(under: "") {
        do throws(StoreError) {
          try ObjectSelection.checkComplete([id], known: [], cut: backend.shallowCommits, in: backend)
        } catch {
          throw BrokenPromise(description: "\(name) is not complete: \(error)")
        }
      }
    }
  }
#endif
