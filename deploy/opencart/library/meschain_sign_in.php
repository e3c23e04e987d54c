<?php
/**
 * Signs the administrator who is logged in to the shop in to MesChain-Sync, from server to server, for PHP 7.3 to 8.4
 * with its curl extension. What goes over is what makes OpenCart believe a request of its administration; the service
 * looks it up in the shop's own database. Neither of it is ever given to a browser here.
 */

/** It did not work; the message is for the administrator, getCode() is the status, 0: no answer. */
class MesChainSignInFailed extends RuntimeException
{
}

class MesChainSignIn
{
    const CONNECT_TIMEOUT_MILLISECONDS = 3000;
    const TIMEOUT_MILLISECONDS = 10000;

    private $url;
    private $session;

    /**
     * @param string $url         the service's address
     * @param string $sessionId   of OpenCart's session
     * @param string $userToken   of the addresses of the administration
     * @param string $deviceToken the cookie of a trusted browser, where the shop asks for a second factor
     */
    public function __construct(string $url, string $sessionId, string $userToken, string $deviceToken = '')
    {
        $this->url = rtrim($url, '/') . '/api/session/opencart';
        $this->session = ['sessionId' => $sessionId, 'userToken' => $userToken, 'deviceToken' => $deviceToken];
    }

    /** What debuggers show; a session is a secret. */
    public function __debugInfo(): array
    {
        return ['url' => $this->url];
    }

    /** An address that logs the browser in, once and within a minute. */
    public function address(): string
    {
        $answer = $this->post('/ticket');
        if (!isset($answer['url']) || !is_string($answer['url']) || !preg_match('~^https?://~', $answer['url'])) {
            throw new MesChainSignInFailed('This is not the answer of MesChain-Sync; check its address.', 0);
        }
        return $answer['url'];
    }

    /** A token for scripts of the administration: SessionInfo with accessToken and expiresIn. */
    public function token(): array
    {
        $answer = $this->post('');
        if (!isset($answer['accessToken'])) {
            throw new MesChainSignInFailed('This is not the answer of MesChain-Sync; check its address.', 0);
        }
        return $answer;
    }

    private function post(string $path): array
    {
        $curl = curl_init($this->url . $path);
        curl_setopt_array($curl, [
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => json_encode($this->session),
            CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Expect:'],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false, // it would carry the session to an address that nobody configured
            CURLOPT_NOSIGNAL => true,
            CURLOPT_CONNECTTIMEOUT_MS => self::CONNECT_TIMEOUT_MILLISECONDS,
            CURLOPT_TIMEOUT_MS => self::TIMEOUT_MILLISECONDS,
        ]);
        $body = curl_exec($curl);
        $status = (int)curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $problem = curl_error($curl);
        unset($curl);
        if ($body === false) {
            throw new MesChainSignInFailed('MesChain-Sync cannot be reached (' . $problem . ').', 0);
        }
        $answer = json_decode((string)$body, true);
        if ($status !== 200 || !is_array($answer)) {
            $reason = isset($answer['error']) && is_string($answer['error']) ? $answer['error'] : 'no reason given';
            throw new MesChainSignInFailed('MesChain-Sync refused (' . $status . '): ' . $reason, $status);
        }
        return $answer;
    }
}
