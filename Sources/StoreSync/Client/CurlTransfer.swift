import CCurl
import GitFormat
import Synchronization
import VersionedStore

/// The transfers of one client, which share their connections.
final class CurlMulti {
  fileprivate let pointer: OpaquePointer

  /// Whether libcurl is ready; made so once.
  private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  init() throws(StoreError) {
    guard Self.isReady, let pointer = curl_multi_init() else { throw .invalid("libcurl cannot be used") }
    self.pointer = OpaquePointer(pointer)
  }

  deinit { curl_multi_cleanup(UnsafeMutableRawPointer(pointer)) }
}

/// One HTTP request and its answer, driven by whoever writes or reads. Memory is bounded in both directions.
final class CurlTransfer {
  struct Settings {
    var url: String
    var fields: [String] = []
    var isPost = false
    var credentials: Credentials?
    /// Redirections that are followed.
    var redirections = 0
    var allowsPlainHTTP = false
    var certificateFile: String?
    var idleSeconds: Int
  }

  private let multi: CurlMulti
  private let easy: UnsafeMutableRawPointer
  private var fields: UnsafeMutablePointer<curl_slist>?
  private var isStarted = false
  private var result: CURLcode?
  // What the server sent and nobody has read.
  private var received: [UInt8] = []
  private var receivedStart = 0
  private var isReceivingPaused = false
  private var hasBody = false
  // What is to be sent.
  private var outgoing: [UInt8] = []
  private var outgoingStart = 0
  private var isSendingPaused = false
  private var isComplete = false

  /// A smaller request is sent with its length, which every server understands.
  private static let wholeRequest = 1 << 20
  private static let receivedLimit = 1 << 19

  init(_ settings: Settings, _ multi: CurlMulti) throws(StoreError) {
    guard let easy = curl_easy_init() else { throw .invalid("libcurl cannot be used") }
    self.multi = multi
    self.easy = easy
    configure(settings)
  }

  deinit {
    if isStarted { curl_multi_remove_handle(UnsafeMutableRawPointer(multi.pointer), easy) }
    curl_easy_cleanup(easy)
    curl_slist_free_all(fields)
  }

  private func configure(_ settings: Settings) {
    set(CURLOPT_URL, settings.url)
    let schemes = settings.allowsPlainHTTP ? "http,https" : "https"
    set(CURLOPT_PROTOCOLS_STR, schemes)
    set(CURLOPT_REDIR_PROTOCOLS_STR, schemes)
    set(CURLOPT_FOLLOWLOCATION, settings.redirections > 0 ? 1 : 0)
    set(CURLOPT_MAXREDIRS, settings.redirections)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT, 30)
    set(CURLOPT_LOW_SPEED_LIMIT, 1)
    set(CURLOPT_LOW_SPEED_TIME, settings.idleSeconds)
    set(CURLOPT_USERAGENT, "git/\(Agent.name)")
    if let file = settings.certificateFile { set(CURLOPT_CAINFO, file) }
    if let credentials = settings.credentials {
      set(CURLOPT_HTTPAUTH, lares_curl_auth_basic)
      set(CURLOPT_USERNAME, credentials.user)
      set(CURLOPT_PASSWORD, credentials.password)
    }
    for field in settings.fields + ["Expect:"] { fields = curl_slist_append(fields, field) }
    set(CURLOPT_POST, settings.isPost ? 1 : 0)
    let own = Unmanaged.passUnretained(self).toOpaque()
    lares_curl_set_pointer(easy, CURLOPT_WRITEDATA, own)
    lares_curl_set_function(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, own in
      guard let bytes, let own else { return 0 }
      let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
      return Unmanaged<CurlTransfer>.fromOpaque(own).takeUnretainedValue().take(piece)
    }
    lares_curl_set_pointer(easy, CURLOPT_READDATA, own)
    lares_curl_set_function(easy, CURLOPT_READFUNCTION) { room, size, count, own in
      guard let room, let own else { return Int(CURL_READFUNC_ABORT) }
      let space = UnsafeMutableRawBufferPointer(start: room, count: size * count)
      return Unmanaged<CurlTransfer>.fromOpaque(own).takeUnretainedValue().give(space)
    }
  }

  private func set(_ option: CURLoption, _ value: Int) { lares_curl_set_long(easy, option, value) }
  private func set(_ option: CURLoption, _ value: String) { lares_curl_set_string(easy, option, value) }

  // MARK: What libcurl calls

  private func take(_ piece: UnsafeRawBufferPointer) -> Int {
    hasBody = true
    if received.count - receivedStart >= Self.receivedLimit {
      isReceivingPaused = true
      return Int(CURL_WRITEFUNC_PAUSE)
    }
    received.append(contentsOf: piece)
    return piece.count
  }

  private func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
    let piece = outgoing[outgoingStart...].prefix(room.count)
    guard !piece.isEmpty else {
      guard !isComplete else { return 0 }
      isSendingPaused = true
      return Int(CURL_READFUNC_PAUSE)
    }
    piece.withUnsafeBytes { room.copyMemory(from: $0) }
    outgoingStart += piece.count
    return piece.count
  }

  // MARK: Driving

  private func start(chunked: Bool) throws(StoreError) {
    guard !isStarted else { return }
    if chunked { fields = curl_slist_append(fields, "Transfer-Encoding: chunked") }
    lares_curl_set_pointer(easy, CURLOPT_HTTPHEADER, fields)
    isStarted = true
    guard curl_multi_add_handle(UnsafeMutableRawPointer(multi.pointer), easy) == CURLM_OK else {
      throw .invalid("libcurl cannot start a transfer")
    }
  }

  /// Lets libcurl work until a condition holds or the transfer has ended.
  private func drive(until isEnough: () -> Bool) throws(StoreError) {
    let multi = UnsafeMutableRawPointer(multi.pointer)
    while result == nil, !isEnough() {
      var running: Int32 = 0
      guard curl_multi_perform(multi, &running) == CURLM_OK else { throw .invalid("libcurl has failed") }
      noteEnd(multi)
      if result == nil, !isEnough() { curl_multi_poll(multi, nil, 0, 1_000, nil) }
    }
    if let result, result != CURLE_OK {
      throw .remote(Text.readable(String(cString: curl_easy_strerror(result)).utf8))
    }
  }

  private func noteEnd(_ multi: UnsafeMutableRawPointer) {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      if message.pointee.msg == CURLMSG_DONE, message.pointee.easy_handle == easy {
        result = message.pointee.data.result
      }
    }
  }

  // MARK: Request

  func write(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
    outgoing.append(contentsOf: bytes)
    guard outgoing.count - outgoingStart > Self.wholeRequest else { return }
    try start(chunked: true)
    resumeSending()
    try drive { self.outgoing.count - self.outgoingStart < Self.wholeRequest / 2 }
    outgoing.removeSubrange(..<outgoingStart)
    outgoingStart = 0
  }

  private func resumeSending() {
    guard isSendingPaused else { return }
    isSendingPaused = false
    curl_easy_pause(easy, CURLPAUSE_CONT)
  }

  /// Ends the request, and waits for the head of the answer.
  ///
  /// - Returns: the status.
  func finishRequest() throws(StoreError) -> Int {
    isComplete = true
    if !isStarted {
      set(CURLOPT_POSTFIELDSIZE, outgoing.count)
      try start(chunked: false)
    }
    resumeSending()
    try drive { self.hasBody }
    var status = 0
    lares_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
    return status
  }

  // MARK: Answer

  var contentType: String? { string(CURLINFO_CONTENT_TYPE) }
  /// Where redirections have led.
  var effectiveURL: String? { string(CURLINFO_EFFECTIVE_URL) }

  private func string(_ info: CURLINFO) -> String? {
    var value: UnsafeMutablePointer<CChar>?
    lares_curl_get_string(easy, info, &value)
    return value.map { String(cString: $0) }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
    if receivedStart == received.count {
      received.removeAll(keepingCapacity: true)
      receivedStart = 0
      if isReceivingPaused {
        isReceivingPaused = false
        curl_easy_pause(easy, CURLPAUSE_CONT)
      }
      try drive { !self.received.isEmpty }
    }
    let piece = received[receivedStart...].prefix(buffer.count)
    piece.withUnsafeBytes { buffer.copyMemory(from: $0) }
    receivedStart += piece.count
    return piece.count
  }
}
