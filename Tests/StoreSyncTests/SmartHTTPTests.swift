import GitFormat
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

/// Stock git and our own client over HTTP.
@Suite struct SmartHTTPTests {
  @Test(arguments: UploadPackTests.Case.all)
  func gitClonesFetchesAndPushes(_ place: UploadPackTests.Case) throws {
    let repository = SampleRepository(place.format)
    let commits = try repository.history(40)
    let server = try WebServer(repository.backend)
    let git = try StockGit()
    let version = "protocol.version=\(place.version.rawValue)"
    try git.run("-c", version, "clone", "-q", server.url, "clone")
    #expect(try git.run("rev-parse", "HEAD", in: "clone") == commits.last?.hex)
    let next = try repository.commit(["a": "b"], parents: [commits[39]], on: "refs/heads/main")
    try git.run("-c", version, "fetch", "-q", in: "clone")
    #expect(try git.run("rev-parse", "origin/main", in: "clone") == next.hex)
    try git.fsck("clone")
    try git.run("merge", "-q", "--ff-only", "origin/main", in: "clone")
    // More than git's http.postBuffer of a mebibyte: sent in chunks.
    try git.write(SampleRepository.noise(1_100_000), to: "clone/big")
    try git.run("add", ".", in: "clone")
    try git.run("commit", "-qm", "big", in: "clone")
    try git.run("-c", version, "push", "-q", in: "clone")
    let pushed = try repository.backend.reference(.branch("main")!)
    #expect(pushed?.hex == (try git.run("rev-parse", "HEAD", in: "clone")))
  }

  @Test func manyCommitsAreNegotiatedInCompressedRequests() throws {
    let repository = SampleRepository()
    let commits = try repository.history(60)
    let server = try WebServer(repository.backend)
    let git = try StockGit()
    try git.run("clone", "-q", server.url, "clone")
    for number in 0..<100 { try git.run("commit", "-q", "--allow-empty", "-m", "\(number)", in: "clone") }
    let next = try repository.commit(["a": "b"], parents: [commits[59]], on: "refs/heads/main")
    for version in [0, 2] {
      try git.run("-c", "protocol.version=\(version)", "fetch", "-q", in: "clone")
      #expect(try git.run("rev-parse", "origin/main", in: "clone") == next.hex)
      try git.run("update-ref", "-d", "refs/remotes/origin/main", in: "clone")
    }
  }

  @Test(arguments: [ProtocolVersion.zero, .two])
  func ourClientClonesFetchesAndPushes(_ version: ProtocolVersion) throws {
    let repository = SampleRepository()
    let commits = try repository.history(120)
    let server = try WebServer(repository.backend)
    var options = RemoteOptions()
    options.allowsPlainHTTP = true
    options.version = version
    let client = RemoteClient(try Remote(server.url), options: options)
    let clone = MemoryBackend()
    _ = try client.clone(into: clone, who: RemoteClientTests.who)
    #expect(try RemoteClientTests.count(clone) == 120)
    let mine = SampleRepository(over: clone)
    var tip = commits[119]
    for number in 0..<100 { tip = try mine.commit(["mine": "\(number)"], parents: [tip], on: "refs/heads/main") }
    let next = try repository.commit(["a": "b"], parents: [commits[119]], on: "refs/heads/main")
    _ = try client.fetch(
      into: clone, FetchOptions([try RefSpec("refs/heads/*:refs/remotes/origin/*")], who: RemoteClientTests.who))
    #expect(try clone.reference(RefName("refs/remotes/origin/main")!) == next)

    let pushed = try mine.commit(["big": SampleRepository.noise(1_500_000)], parents: [next], on: "refs/heads/big")
    let result = try client.push([PushSpec(pushed, to: .branch("main")!)], from: clone, who: RemoteClientTests.who)
    #expect(result.isSuccess, "\(result)")
    #expect(try repository.backend.reference(.branch("main")!) == pushed)
  }

  @Test func redirectionsAndPasswordsAreFollowedAndAsked() throws {
    let repository = SampleRepository()
    let commits = try repository.history(3)
    let server = try WebServer(repository.backend, authorization: "YWRhOnNlY3JldA==")
    var options = RemoteOptions()
    options.allowsPlainHTTP = true
    let address = "http://127.0.0.1:\(server.port)/moved"
    #expect(throws: StoreError.self) { try RemoteClient(.http(address), options: options).describe() }
    options.credentials = { host in
      host == "127.0.0.1:\(server.port)" ? Credentials(user: "ada", password: "wrong") : nil
    }
    #expect(throws: StoreError.self) { try RemoteClient(.http(address), options: options).describe() }
    options.credentials = { _ in Credentials(user: "ada", password: "secret") }
    #expect(try RemoteClient(.http(address), options: options).describe().references.first?.id == commits.last)
  }

  @Test func whatIsNotSafeIsNotTried() throws {
    var options = RemoteOptions()
    #expect(throws: StoreError.self) { try RemoteClient(.http("http://127.0.0.1:9/x"), options: options).describe() }
    options.allowsPlainHTTP = true
    #expect(throws: StoreError.self) {
      try RemoteClient(.http("http://ada:secret@127.0.0.1:9/x"), options: options).describe()
    }
    let server = try WebServer(MemoryBackend())
    let error = #expect(throws: StoreError.self) {
      try RemoteClient(.http("http://127.0.0.1:\(server.port)/nothing"), options: options).describe()
    }
    #expect("\(error!)".contains("there is no repository"))
  }

  @Test(arguments: [
    ("GET", "info/refs", "", "", 403), ("GET", "info/refs", "service=git-shell", "", 403),
    ("POST", "info/refs", "service=git-upload-pack", "", 405), ("GET", "git-upload-pack", "", "", 405),
    ("POST", "git-upload-pack", "", "text/plain", 415), ("GET", "HEAD", "", "", 404),
    ("GET", "objects/info/packs", "", "", 404),
  ])
  func whatIsNotTheProtocolIsRefused(
    _ method: String, _ path: String, _ query: String, _ type: String, _ status: Int
  ) throws {
    let request = SmartHTTPRequest(
      method: method, path: path, query: query, field: { $0 == "content-type" ? type : nil }, body: MemoryStream())
    var heads: [SmartHTTPHead] = []
    try SmartHTTP.respond(to: request, MemoryBackend(), .test) { (head) throws(StoreError) in
      heads.append(head)
      return MemoryStream()
    }
    #expect(heads.map(\.status) == [status])
  }
}
