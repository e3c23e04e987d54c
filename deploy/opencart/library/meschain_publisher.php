<?php
/**
 * Publishes what happens in a shop to MesChain-Sync: one file to copy, for PHP 7.3 to 8.4 with its curl extension.
 *
 *     require_once 'meschain_publisher.php';
 *     $publisher = new MesChainPublisher('https://live.example.com', $key, '/var/lib/shop/meschain.spool');
 *     $publisher->publish([['kind' => 'inventory', 'eventId' => 'stock-42-1718445600', 'productId' => 42, 'quantity' => 7]]);
 *
 * publish() tries once or twice and then, where there is a spool, keeps the events in that file: the next publish(), or
 * flush() from a cron job, sends them first and in their order. Each event keeps its id, so one that arrived although
 * the answer was lost is told once. What the service refuses for good goes into <spool>.refused, with the reason.
 * Several processes may use one spool; one of them sends, the others only add, and no page waits for another one's.
 * Fields of events: docs/reference/publishing.md.
 */

/** The events did not get there and are not kept; the message says what to do. */
class MesChainPublishFailed extends RuntimeException
{
}

/** The service refuses an event for good. */
class MesChainEventRefused extends MesChainPublishFailed
{
    /** @var int position among the events that were sent together */
    public $index;

    public function __construct(string $reason, int $index)
    {
        parent::__construct($reason);
        $this->index = $index;
    }
}

/** It may help to try again. */
class MesChainUnreachable extends RuntimeException
{
    /** @var int seconds that the service asks to wait; 0: it does not say */
    public $retryAfterSeconds;

    public function __construct(string $reason, int $retryAfterSeconds = 0)
    {
        parent::__construct($reason);
        $this->retryAfterSeconds = $retryAfterSeconds;
    }
}

class MesChainPublisher
{
    /** In one request; the service takes no more. */
    const MOST_EVENTS = 100;

    /** Of events in one request; the service takes 65,536 bytes. */
    const MOST_BYTES = 60000;

    private $url;
    private $key;
    private $spool;
    private $options;

    /**
     * @param string      $url     the service's public address
     * @param string      $key     what `meschain key create` printed
     * @param string|null $spool   path of a file outside of the web root; null: nothing is kept
     * @param array       $options some of those of defaults()
     */
    public function __construct(string $url, string $key, ?string $spool = null, array $options = [])
    {
        $unknown = array_diff_key($options, self::defaults());
        if ($unknown) {
            throw new InvalidArgumentException('No such option: ' . implode(', ', array_keys($unknown)) . '.');
        }
        $this->url = rtrim($url, '/') . '/api/publish';
        $this->key = $key;
        $this->spool = $spool;
        $this->options = $options + self::defaults();
    }

    /** For hooks in a page that a buyer waits for; a cron job may be more patient. */
    public static function defaults(): array
    {
        return [
            'connect_timeout_milliseconds' => 1000,
            'timeout_milliseconds' => 3000,       // of one request; the service answers within milliseconds
            'attempts' => 2,                      // of one request, where it may help to try again
            'first_pause_milliseconds' => 200,    // before the second attempt; doubled each time
            'longest_pause_milliseconds' => 2000, // a service that asks for more is not waited for
            'rest_seconds' => 10,                 // after a failure events go into the spool at once
            'publish_seconds' => 3,               // after that publish() leaves the spool to the next one, or to flush()
            'spool_bytes' => 16777216,            // the most that is kept; some 40,000 orders
        ];
    }

    /** What debuggers show; the key is a secret. */
    public function __debugInfo(): array
    {
        return ['url' => $this->url, 'spool' => $this->spool];
    }

    /**
     * Sends events behind what the spool has.
     *
     * @param array[] $events
     *
     * @return bool true: they arrived; false: they are in the spool
     *
     * @throws MesChainPublishFailed where there is no spool, or it is full; MesChainEventRefused
     */
    public function publish(array $events): bool
    {
        $lines = [];
        foreach (array_values($events) as $index => $event) {
            $line = self::line($event + ['eventId' => bin2hex(random_bytes(16))]);
            if (strlen($line) > self::MOST_BYTES) {
                throw new MesChainEventRefused('An event has at most ' . self::MOST_BYTES . ' bytes.', $index);
            }
            $lines[] = $line;
        }
        if ($this->spool === null) {
            foreach (self::batches($lines) as $batch) {
                $this->sendAll($batch);
            }
            return true;
        }
        $this->locked(function () use ($lines) {
            $this->keep($lines);
        });
        return !$this->rests() && $this->drain(microtime(true) + $this->options['publish_seconds']);
    }

    /** Sends what the spool has, however long it takes; true: it is empty. */
    public function flush(): bool
    {
        return $this->spool === null || $this->drain(INF);
    }

    private function keep(array $lines): void
    {
        if (!$lines) {
            return;
        }
        $text = implode("\n", $lines) . "\n";
        clearstatcache(true, $this->spool);
        $end = is_file($this->spool) ? filesize($this->spool) : 0;
        if ($end + strlen($text) > $this->options['spool_bytes']) {
            throw new MesChainPublishFailed(
                'The spool ' . $this->spool . ' is full; see why ' . $this->url . ' takes nothing, or raise spool_bytes.'
            );
        }
        $file = $this->open($this->spool, 'a+b');
        if ($end > 0) {
            fseek($file, -1, SEEK_END);
            if (fread($file, 1) !== "\n") { // cut off by a stop of the machine; that line was never said to be kept
                $text = "\n" . $text;
            }
        }
        $this->write($file, $text);
        fclose($file);
    }

    private function drain(float $deadline): bool
    {
        $sending = $this->open($this->spool . '.sending', 'ab');
        if (!flock($sending, LOCK_EX | LOCK_NB)) {
            fclose($sending);
            return false; // whoever sends looks for more before it ends, so ours are not forgotten
        }
        try {
            while (true) {
                $waiting = $this->locked(function () use ($sending) {
                    $waiting = $this->waiting();
                    if (!$waiting) {
                        flock($sending, LOCK_UN); // within the lock: whoever adds after this look finds nobody sending
                    }
                    return $waiting;
                });
                if (!$waiting) {
                    return true;
                }
                $sent = $this->sendInTurn($waiting, $deadline);
                $this->locked(function () use ($sent) {
                    // Others have only added meanwhile. Until it is done the old file stays: what was sent is sent
                    // again then, and told once.
                    $this->replace(array_slice($this->waiting(), $sent));
                });
                if ($sent < count($waiting)) {
                    return false;
                }
            }
        } finally {
            fclose($sending); // and with it goes the lock
        }
    }

    private function sendInTurn(array $waiting, float $deadline): int
    {
        $sent = 0;
        try {
            foreach (self::batches($waiting) as $batch) {
                if (microtime(true) > $deadline) {
                    break;
                }
                $this->sendOrPutAside($batch);
                $sent += count($batch);
            }
            if (is_file($this->spool . '.failed')) {
                unlink($this->spool . '.failed');
            }
        } catch (MesChainUnreachable $error) {
            touch($this->spool . '.failed');
        }
        return $sent;
    }

    /** @return string[] lines of the spool that are whole */
    private function waiting(): array
    {
        if (!is_file($this->spool)) {
            return [];
        }
        return array_values(array_filter(
            explode("\n", (string)file_get_contents($this->spool)),
            function (string $line): bool {
                return is_array(json_decode($line, true));
            }
        ));
    }

    private function replace(array $lines): void
    {
        $file = $this->open($this->spool . '.new', 'wb');
        $this->write($file, $lines ? implode("\n", $lines) . "\n" : '');
        fclose($file);
        if (!rename($this->spool . '.new', $this->spool)) {
            throw new MesChainPublishFailed('The spool ' . $this->spool . ' cannot be written; see its folder\'s rights.');
        }
    }

    private function sendOrPutAside(array $batch): void
    {
        while ($batch) {
            try {
                $this->attempts($batch);
                return;
            } catch (MesChainEventRefused $refused) {
                $file = $this->open($this->spool . '.refused', 'ab');
                $event = json_decode($batch[$refused->index], true);
                $this->write($file, self::line(['reason' => $refused->getMessage(), 'event' => $event]) . "\n");
                fclose($file);
                array_splice($batch, $refused->index, 1);
            }
        }
    }

    private function sendAll(array $batch): void
    {
        try {
            $this->attempts($batch);
        } catch (MesChainUnreachable $error) {
            throw new MesChainPublishFailed(
                $this->url . ': ' . $error->getMessage() . '; send the events again, or give a spool.'
            );
        }
    }

    private function attempts(array $batch): void
    {
        $pause = $this->options['first_pause_milliseconds'];
        for ($left = $this->options['attempts'] - 1; ; $left--) {
            try {
                $this->request($batch);
                return;
            } catch (MesChainUnreachable $error) {
                $wait = max($pause, $error->retryAfterSeconds * 1000);
                if ($left <= 0 || $wait > $this->options['longest_pause_milliseconds']) {
                    throw $error;
                }
                usleep($wait * 1000);
                $pause *= 2;
            }
        }
    }

    private function request(array $batch): void
    {
        $retryAfter = 0;
        $curl = curl_init($this->url);
        curl_setopt_array($curl, [
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => '{"events":[' . implode(',', $batch) . ']}',
            CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . $this->key, 'Content-Type: application/json', 'Expect:'],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false, // it would carry the key to an address that nobody configured
            CURLOPT_NOSIGNAL => true,
            CURLOPT_CONNECTTIMEOUT_MS => $this->options['connect_timeout_milliseconds'],
            CURLOPT_TIMEOUT_MS => $this->options['timeout_milliseconds'],
            CURLOPT_HEADERFUNCTION => function ($curl, string $header) use (&$retryAfter): int {
                if (preg_match('/^retry-after:\s*(\d{1,6})\s*$/i', $header, $found)) {
                    $retryAfter = (int)$found[1];
                }
                return strlen($header);
            },
        ]);
        $body = curl_exec($curl);
        $status = (int)curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $problem = curl_error($curl);
        unset($curl);
        if ($body === false) {
            throw new MesChainUnreachable('it cannot be reached (' . $problem . ')');
        }
        if ($status === 202) {
            return;
        }
        $answer = json_decode((string)$body, true);
        $reason = isset($answer['error']) && is_string($answer['error']) ? $answer['error'] : 'no reason given';
        if (($status === 400 || $status === 403) && isset($answer['event'], $batch[$answer['event']])) {
            throw new MesChainEventRefused($reason, $answer['event']);
        }
        throw new MesChainUnreachable($status . ': ' . $reason, $retryAfter);
    }

    private function rests(): bool
    {
        clearstatcache(true, $this->spool . '.failed');
        $since = time() - (int)@filemtime($this->spool . '.failed');
        return 0 <= $since && $since < $this->options['rest_seconds'];
    }

    private function locked(callable $work)
    {
        $lock = $this->open($this->spool . '.lock', 'ab');
        flock($lock, LOCK_EX);
        try {
            return $work();
        } finally {
            fclose($lock); // and with it goes the lock
        }
    }

    /** @return resource */
    private function open(string $path, string $mode)
    {
        $old = umask(0077); // orders have names in them
        $file = @fopen($path, $mode);
        umask($old);
        if ($file === false) {
            throw new MesChainPublishFailed($path . ' cannot be written; give a path that the shop may write to.');
        }
        return $file;
    }

    /** @param resource $file */
    private function write($file, string $text): void
    {
        if (fwrite($file, $text) !== strlen($text) || !fflush($file)) {
            throw new MesChainPublishFailed('The spool ' . $this->spool . ' cannot be written; is the disk full?');
        }
        if (function_exists('fsync')) { // PHP 8.1
            fsync($file);
        }
    }

    private static function batches(array $lines): array
    {
        $batches = [];
        $batch = [];
        $size = 0;
        foreach ($lines as $line) {
            $length = strlen($line) + 1;
            if ($batch && (count($batch) === self::MOST_EVENTS || $size + $length > self::MOST_BYTES)) {
                $batches[] = $batch;
                $batch = [];
                $size = 0;
            }
            $batch[] = $line;
            $size += $length;
        }
        if ($batch) {
            $batches[] = $batch;
        }
        return $batches;
    }

    private static function line(array $event): string
    {
        $flags = JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION;
        $line = json_encode($event, $flags | JSON_INVALID_UTF8_SUBSTITUTE);
        if ($line === false) {
            throw new MesChainPublishFailed('An event cannot be written as JSON: ' . json_last_error_msg() . '.');
        }
        return $line;
    }
}
