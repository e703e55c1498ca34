// Load generator: Twilio's ends and the backend's ends of many calls in one thread, so that one clock times both.
//
// Knows: opening calls through a port, messages in lockstep or at a pace, timing, processor time and memory of others.
// Must not know: what stands between its two ends.
//
//   generator lockstep|paced|idle|handshakes --backend PORT --port PORT --calls N --seconds S
//             [--warm S] [--rate MESSAGES/S] [--connects CALLS/S] [--tls CERTIFICATE] [--key KEY] [--pids PID,PID]
//
// lockstep    every call has one message on its way, which each end answers with the next one
// paced       every call has its own clock; one message in twenty is a caller's, the others are tokens of a reply.
//             With --connects calls begin and end beside them, a tenth of a second's worth at a time
// idle        the calls say nothing
// handshakes  calls begin and end at once, eight at a time
//
// The backend's end listens on --backend, and Twilio's ends connect to --port; with --tls both speak TLS. One line of
// JSON tells what was measured in the last --seconds: times are microseconds, memory is KiB by which each process of
// --pids has grown since no call was open.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <queue>
#include <string>
#include <vector>

using Nanoseconds = uint64_t;

static const int OPENING_AT_ONCE = 32;      // handshakes that wait for an answer while the calls are opened
static const int HANDSHAKES_AT_ONCE = 8;    // the same, where handshakes are what is measured
static const int REPLY = 20;                // messages from one message of the caller's to the next
static const Nanoseconds SECOND = 1000000000, PATIENCE = 60 * SECOND, LUMP = SECOND / 10;

static Nanoseconds now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return Nanoseconds(time.tv_sec) * SECOND + time.tv_nsec;
}

[[noreturn]] static void fail(const std::string& words) {
    fprintf(stderr, "load generator: %s\n", words.c_str());
    exit(1);
}

// -- what is asked for -----------------------------------------------------------------------------------------------

static struct Options {
    std::string mode, certificate, key;
    int backend = 0, port = 0, calls = 1;
    double seconds = 1, warm = 0.5, rate = 1000, connects = 0;
    std::vector<int> pids;
} options;

static void read_options(int count, char** words) {
    if (count < 2) fail("a mode is expected: lockstep, paced, idle or handshakes");
    options.mode = words[1];
    for (int at = 2; at + 1 < count; at += 2) {
        std::string name = words[at], value = words[at + 1];
        if (name == "--backend") options.backend = std::stoi(value);
        else if (name == "--port") options.port = std::stoi(value);
        else if (name == "--calls") options.calls = std::stoi(value);
        else if (name == "--seconds") options.seconds = std::stod(value);
        else if (name == "--warm") options.warm = std::stod(value);
        else if (name == "--rate") options.rate = std::stod(value);
        else if (name == "--connects") options.connects = std::stod(value);
        else if (name == "--tls") options.certificate = value;
        else if (name == "--key") options.key = value;
        else if (name == "--pids") {
            for (char* one = strtok(words[at + 1], ","); one; one = strtok(nullptr, ",")) options.pids.push_back(atoi(one));
        } else fail("unknown option " + name);
    }
}

// -- what others spend -----------------------------------------------------------------------------------------------

static Nanoseconds processor_time(int pid) {
    std::string folder = "/proc/" + std::to_string(pid) + "/task";
    DIR* threads = opendir(folder.c_str());
    if (!threads) fail("process " + std::to_string(pid) + " is gone");
    Nanoseconds total = 0;
    while (dirent* thread = readdir(threads)) {
        if (thread->d_name[0] == '.') continue;
        FILE* file = fopen((folder + "/" + thread->d_name + "/schedstat").c_str(), "r");
        unsigned long long spent = 0;
        if (file && fscanf(file, "%llu", &spent) == 1) total += spent;
        if (file) fclose(file);
    }
    closedir(threads);
    return total;
}

static long resident_kib(int pid) {
    FILE* file = fopen(("/proc/" + std::to_string(pid) + "/statm").c_str(), "r");
    long size = 0, resident = 0;
    if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2) fail("process " + std::to_string(pid) + " is gone");
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

// -- messages --------------------------------------------------------------------------------------------------------

// A message carries the time of its sending as sixteen letters: digits might be masked as a card's number.
static const std::string TOKEN = R"({"type":"text","token":")", PROMPT = R"({"type":"prompt","voicePrompt":")";
static const std::string TOKEN_END = R"( and then","last":false})", LAST_END = R"( and that is all.","last":true})";
static const std::string PROMPT_END = R"( what about","lang":"en-US","last":true})";
static const size_t STAMP = 16;
static const unsigned char MASK[4] = {0x1f, 0x8c, 0x53, 0xe6};

static std::string frame(int opcode, const std::string& payload, bool masked) {
    std::string bytes(1, char(0x80 | opcode));
    int bit = masked ? 0x80 : 0;
    if (payload.size() < 126) bytes += char(bit | payload.size());
    else bytes += {char(bit | 126), char(payload.size() >> 8), char(payload.size())};
    if (!masked) return bytes + payload;
    bytes.append(reinterpret_cast<const char*>(MASK), 4);
    for (size_t at = 0; at < payload.size(); at++) bytes += char(payload[at] ^ MASK[at & 3]);
    return bytes;
}

static std::string stamped(const std::string& before, const std::string& after) {
    char stamp[STAMP];
    Nanoseconds time = now();
    for (int at = STAMP - 1; at >= 0; at--, time >>= 4) stamp[at] = char('a' + (time & 15));
    return before + std::string(stamp, STAMP) + after;
}

static Nanoseconds time_of(const char* stamp) {
    Nanoseconds time = 0;
    for (size_t at = 0; at < STAMP; at++) time = time << 4 | Nanoseconds(stamp[at] - 'a');
    return time;
}

static std::string prompt() { return frame(1, stamped(PROMPT, PROMPT_END), true); }
static std::string token(bool last) { return frame(1, stamped(TOKEN, last ? LAST_END : TOKEN_END), false); }

static std::string sid(const char* prefix) {
    unsigned char random[16];
    RAND_bytes(random, sizeof random);
    std::string text = prefix;
    for (unsigned char byte : random) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

static std::string setup() {
    return frame(1, R"({"type":"setup","sessionId":")" + sid("VX") + R"(","callSid":")" + sid("CA") + R"(","parentCallSid":"",)" +
        R"("from":"+12025550101","to":"+12025550100","forwardedFrom":"","callerName":"","direction":"inbound",)" +
        R"("callType":"PSTN","callStatus":"IN-PROGRESS","accountSid":")" + sid("AC") + R"(","customParameters":{}})", true);
}

static std::string base64(const unsigned char* bytes, int size) {
    unsigned char text[64];
    return std::string(reinterpret_cast<char*>(text), size_t(EVP_EncodeBlock(text, bytes, size)));
}

static std::string request(int call) {
    unsigned char random[16];
    RAND_bytes(random, sizeof random);
    return "GET /call/" + std::to_string(call) + " HTTP/1.1\r\nHost: localhost:" + std::to_string(options.port) +
        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
        base64(random, sizeof random) + "\r\nUser-Agent: Jetty/11.0.24\r\nCache-Control: no-cache\r\n"
        "Pragma: no-cache\r\nX-Twilio-Signature: c2lnbmF0dXJl\r\n\r\n";
}

static std::string answer(const std::string& head) {
    std::string small = head;
    for (char& letter : small) letter = char(tolower(letter));
    size_t from = small.find("sec-websocket-key:");
    if (from == std::string::npos) fail("a request without Sec-WebSocket-Key came: " + head.substr(0, 200));
    from = head.find_first_not_of(' ', from + 18);
    std::string key = head.substr(from, head.find('\r', from) - from) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[20];
    SHA1(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
        base64(digest, sizeof digest) + "\r\n\r\n";
}

// -- connections -----------------------------------------------------------------------------------------------------

struct End {
    int fd, call;
    bool twilio, connecting, open = false, writable_awaited;
    SSL* tls = nullptr;
    std::string in, out;
    Nanoseconds begun = now();

    End(int fd, int call, bool twilio)
        : fd(fd), call(call), twilio(twilio), connecting(twilio), writable_awaited(twilio) {}
};

static int poller, listening;
static SSL_CTX* client_tls;
static SSL_CTX* server_tls;
static std::vector<End*> twilio, backend;   // by call; those that come and go are in neither
static std::vector<End*> gone;              // which events of this round may still name
static int opened = 0, at_backend = 0, going = 0;
static bool measuring = false;
static std::vector<uint32_t> latencies, handshakes;

static void watch(End* end, bool writable) {
    if (end->writable_awaited == writable) return;
    end->writable_awaited = writable;
    epoll_event event{};
    event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = end;
    epoll_ctl(poller, EPOLL_CTL_MOD, end->fd, &event);
}

static End* add(int fd, bool is_twilio, int call) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    End* end = new End(fd, call, is_twilio);
    if (SSL_CTX* context = is_twilio ? client_tls : server_tls) {
        end->tls = SSL_new(context);
        SSL_set_fd(end->tls, fd);
        if (is_twilio) SSL_set_connect_state(end->tls);
        else SSL_set_accept_state(end->tls);
    }
    epoll_event event{};
    event.events = is_twilio ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = end;
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    return end;
}

static void finish(End* end) {
    if (end->fd < 0) return;
    bool passing = end->call < 0 || end->call >= options.calls;
    if (!passing && measuring) fail("a call ended while it was measured");
    if (!end->open && end->twilio) fail("a handshake was not answered");
    if (end->twilio && passing) going--;
    if (end->tls) SSL_free(end->tls);
    close(end->fd);
    end->fd = -1;
    gone.push_back(end);
}

// Bytes taken; 0 when none can be at present, -1 when the connection is over.
static long put(End* end, const char* bytes, size_t size) {
    if (!end->tls) {
        ssize_t sent = send(end->fd, bytes, size, MSG_NOSIGNAL);
        return sent >= 0 ? sent : errno == EAGAIN ? 0 : -1;
    }
    int sent = SSL_write(end->tls, bytes, int(size));
    if (sent > 0) return sent;
    int why = SSL_get_error(end->tls, sent);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static long get(End* end, char* bytes, size_t size) {
    if (!end->tls) {
        ssize_t got = recv(end->fd, bytes, size, 0);
        return got > 0 ? got : got < 0 && errno == EAGAIN ? 0 : -1;
    }
    int got = SSL_read(end->tls, bytes, int(size));
    if (got > 0) return got;
    int why = SSL_get_error(end->tls, got);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void write(End* end, const std::string& bytes) {
    if (end->fd < 0) return;
    long sent = end->out.empty() && !end->connecting ? put(end, bytes.data(), bytes.size()) : 0;
    if (sent < 0) return finish(end);
    if (size_t(sent) == bytes.size()) return;
    end->out.append(bytes, size_t(sent), std::string::npos);
    watch(end, true);
}

static void flush(End* end) {
    if (end->out.empty()) return watch(end, false);
    long sent = put(end, end->out.data(), end->out.size());
    if (sent < 0) return finish(end);
    end->out.erase(0, size_t(sent));
    // While TLS shakes hands it waits for what it reads.
    watch(end, !end->out.empty() && (!end->tls || SSL_is_init_finished(end->tls)));
}

static void connect_call(int call) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) fail(std::string("no socket: ") + strerror(errno));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(uint16_t(options.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) && errno != EINPROGRESS)
        fail(std::string("no connection: ") + strerror(errno));
    End* end = add(fd, true, call);
    end->out = request(call);
    if (call >= options.calls) going++;
}

// -- what an end does with what it gets ------------------------------------------------------------------------------

static const std::string NORMAL_CLOSE{'\x03', '\xe8'};

static void on_head(End* end, const std::string& head) {
    if (end->twilio) {
        if (head.compare(0, 12, "HTTP/1.1 101")) fail("a handshake was refused: " + head.substr(0, head.find('\r')));
        end->open = true;
        handshakes.push_back(uint32_t(std::min<Nanoseconds>(now() - end->begun, UINT32_MAX)));
        if (end->call >= options.calls) return write(end, frame(8, NORMAL_CLOSE, true));
        opened++;
        twilio[size_t(end->call)] = end;
        return write(end, setup());
    }
    end->open = true;
    size_t from = head.find("/call/");
    end->call = from == std::string::npos ? -1 : atoi(head.c_str() + from + 6);
    if (end->call < options.calls) {
        at_backend++;
        backend[size_t(end->call)] = end;
    }
    write(end, answer(head));
}

static void on_message(End* end, int opcode, const char* payload, size_t size) {
    if (opcode == 8) {
        if (!end->twilio) write(end, frame(8, std::string(payload, size), false));
        return finish(end);
    }
    if (opcode != 1) fail("a frame came that nobody sent");
    const std::string& before = end->twilio ? TOKEN : PROMPT;
    if (size < before.size() + STAMP || memcmp(payload, before.data(), before.size())) return;  // the setup message
    if (measuring) latencies.push_back(uint32_t(std::min<Nanoseconds>(now() - time_of(payload + before.size()), UINT32_MAX)));
    if (options.mode == "lockstep") write(end, end->twilio ? prompt() : token(true));
}

static void take_frames(End* end) {
    size_t at = 0;
    std::string& in = end->in;
    while (end->fd >= 0 && in.size() - at >= 2) {
        size_t head = 2, size = in[at + 1] & 127;
        bool masked = in[at + 1] & 0x80;
        if (size == 126) {
            if (in.size() - at < 4) break;
            size = size_t((unsigned char)in[at + 2]) << 8 | (unsigned char)in[at + 3];
            head = 4;
        }
        if (masked) head += 4;
        if (in.size() - at < head + size) break;
        char* payload = &in[at + head];
        if (masked) for (size_t byte = 0; byte < size; byte++) payload[byte] = char(payload[byte] ^ payload[long(byte & 3) - 4]);
        int opcode = in[at] & 15;
        at += head + size;
        on_message(end, opcode, payload, size);
    }
    in.erase(0, at);
}

static void on_readable(End* end) {
    static char buffer[256 * 1024];
    long got;
    do {
        got = get(end, buffer, sizeof buffer);
        if (got < 0) return finish(end);
        end->in.append(buffer, size_t(got));
    } while (end->tls && got > 0);
    if (end->connecting || !end->out.empty()) flush(end);  // TLS may have shaken hands
    if (end->fd >= 0 && !end->open) {
        size_t head = end->in.find("\r\n\r\n");
        if (head == std::string::npos) return;
        std::string text = end->in.substr(0, head + 2);
        end->in.erase(0, head + 4);
        on_head(end, text);
    }
    if (end->fd >= 0 && end->open) take_frames(end);
}

static void wait_until(Nanoseconds deadline) {
    epoll_event events[512];
    Nanoseconds time = now(), left = deadline > time ? deadline - time : 0;
    timespec timeout{time_t(left / SECOND), long(left % SECOND)};
    int count = epoll_pwait2(poller, events, 512, &timeout, nullptr);
    for (int at = 0; at < count; at++) {
        End* end = static_cast<End*>(events[at].data.ptr);
        if (!end) {
            int fd;
            for (int taken = 0; taken < 64 && (fd = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; taken++) add(fd, false, -1);
            continue;
        }
        if (end->fd >= 0 && events[at].events & EPOLLOUT) {
            end->connecting = false;
            flush(end);
        }
        if (end->fd >= 0 && events[at].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) on_readable(end);
    }
    for (End* end : gone) delete end;
    gone.clear();
}

// -- measuring -------------------------------------------------------------------------------------------------------

static std::vector<long> memory_before;
static std::vector<Nanoseconds> spent_before;
static Nanoseconds own_before, measured_from;

static void begin_to_measure() {
    measuring = true;
    latencies.clear();
    handshakes.clear();
    spent_before.clear();
    for (int pid : options.pids) spent_before.push_back(processor_time(pid));
    own_before = processor_time(getpid());
    measured_from = now();
}

static double quantile(std::vector<uint32_t>& values, double share) {
    if (values.empty()) return 0;
    size_t at = std::min(values.size() - 1, size_t(share * double(values.size())));
    std::nth_element(values.begin(), values.begin() + long(at), values.end());
    return values[at] / 1e3;
}

static void report() {
    double seconds = double(now() - measured_from) / 1e9;
    std::string spent, grown;
    for (size_t at = 0; at < options.pids.size(); at++) {
        std::string name = (at ? ",\"" : "\"") + std::to_string(options.pids[at]) + "\":";
        spent += name + std::to_string(double(processor_time(options.pids[at]) - spent_before[at]) / 1e3);
        grown += name + std::to_string(resident_kib(options.pids[at]) - memory_before[at]);
    }
    double own = double(processor_time(getpid()) - own_before) / 1e9 / seconds;
    measuring = false;
    printf("{\"seconds\":%f,\"messages\":%zu,\"p50\":%f,\"p99\":%f,\"p999\":%f,\"handshakes\":%zu,\"handshake_p99\":%f,"
           "\"spent\":{%s},\"grown\":{%s},\"own_share\":%f}\n",
           seconds, latencies.size(), quantile(latencies, 0.5), quantile(latencies, 0.99), quantile(latencies, 0.999),
           handshakes.size(), quantile(handshakes, 0.99), spent.c_str(), grown.c_str(), own);
}

// -- the modes -------------------------------------------------------------------------------------------------------

static void open_calls() {
    Nanoseconds deadline = now() + PATIENCE;
    for (int begun = 0; opened < options.calls || at_backend < options.calls;) {
        while (begun < options.calls && begun - opened < OPENING_AT_ONCE) connect_call(begun++);
        if (now() > deadline) fail("only " + std::to_string(opened) + " calls could be opened");
        wait_until(now() + LUMP);
    }
}

// Waits from `warm` before measuring until it is over; `act` does what is due and returns when it is next to be called.
template <typename Act> static void run(Act act) {
    Nanoseconds from = now() + Nanoseconds(options.warm * 1e9), until = from + Nanoseconds(options.seconds * 1e9);
    for (Nanoseconds time = now(); time < until; time = now()) {
        if (!measuring && time >= from) begin_to_measure();
        wait_until(std::min(act(time), measuring ? until : from));
    }
    report();
}

static void run_paced() {
    using Due = std::pair<Nanoseconds, int>;
    std::priority_queue<Due, std::vector<Due>, std::greater<Due>> due;
    std::vector<int> said(size_t(options.calls), 0);
    Nanoseconds period = Nanoseconds(1e9 * options.calls / options.rate), start = now() + SECOND / 100;
    for (int call = 0; call < options.calls; call++) {
        due.push({start + Nanoseconds(rand()) % period, call});
        said[size_t(call)] = rand() % REPLY;
    }
    int begun = options.calls;
    Nanoseconds lump = start;
    run([&](Nanoseconds time) {
        for (int count = 0; count < 64 && due.top().first <= time; count++) {
            auto [when, call] = due.top();
            due.pop();
            int which = said[size_t(call)]++ % REPLY;
            if (which == 0) write(twilio[size_t(call)], prompt());
            else write(backend[size_t(call)], token(which == REPLY - 1));
            due.push({when + period - period / 8 + Nanoseconds(rand()) % (period / 4), call});
        }
        if (options.connects > 0 && time >= lump) {
            for (int count = 0; count < options.connects * double(LUMP) / 1e9; count++) connect_call(begun++);
            lump += LUMP;
        }
        return options.connects > 0 ? std::min(due.top().first, lump) : due.top().first;
    });
}

int main(int count, char** words) {
    read_options(count, words);
    prctl(PR_SET_TIMERSLACK, 1);
    rlimit descriptors;
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    if (!options.certificate.empty()) {
        client_tls = SSL_CTX_new(TLS_client_method());
        server_tls = SSL_CTX_new(TLS_server_method());
        for (SSL_CTX* context : {client_tls, server_tls})
            SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        if (SSL_CTX_use_certificate_chain_file(server_tls, options.certificate.c_str()) != 1 ||
            SSL_CTX_use_PrivateKey_file(server_tls, options.key.c_str(), SSL_FILETYPE_PEM) != 1)
            fail("certificate and key cannot be read");
    }
    poller = epoll_create1(0);
    twilio.assign(size_t(options.calls), nullptr);
    backend.assign(size_t(options.calls), nullptr);
    listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(uint16_t(options.backend));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) || listen(listening, 4096))
        fail("cannot listen on port " + std::to_string(options.backend) + ": " + strerror(errno));
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(poller, EPOLL_CTL_ADD, listening, &event);

    for (int pid : options.pids) memory_before.push_back(resident_kib(pid));
    int begun = options.calls;
    auto nothing = [](Nanoseconds time) { return time + LUMP; };
    auto connecting = [&](Nanoseconds time) {
        while (going < HANDSHAKES_AT_ONCE) connect_call(begun++);
        return time + LUMP;
    };
    if (options.mode == "handshakes") {
        options.calls = begun = 0;
        run(connecting);
        return 0;
    }
    open_calls();
    if (options.mode == "paced") run_paced();
    else if (options.mode == "idle") run(nothing);
    else if (options.mode == "lockstep") {
        for (End* end : twilio) write(end, prompt());
        run(nothing);
    } else fail("unknown mode " + options.mode);
    return 0;
}
