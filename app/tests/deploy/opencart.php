<?php
/**
 * As much of OpenCart as the extension meets, written by hand: registry, loader, config, session, user, response, events,
 * and the models it asks, on the shop's real tables by mysqli. OpenCart itself cannot be had by the tests.
 *
 * Reads from standard input {major, root, database, prefix, application, session_id, session, cookies, post, get,
 * permissions, calls: [[route, method, arguments], ...]} and prints what came of the calls.
 * The extension is installed below `root` as OpenCart's installer leaves it.
 */

namespace Harness {
    error_reporting(E_ALL);
    set_error_handler(function (int $level, string $text, string $file, int $line): bool {
        if (!(error_reporting() & $level)) {
            return false;
        }
        throw new \ErrorException($text, 0, $level, $file, $line);
    });

    class Redirected extends \Exception
    {
    }

    class Registry
    {
        public $data = [];

        public function get(string $key)
        {
            return $this->data[$key] ?? null;
        }
    }

    class Db
    {
        public $link;

        public function __construct(array $given)
        {
            mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
            $this->link = new \mysqli($given['host'], $given['user'], $given['password'], $given['name'], $given['port']);
            $this->link->set_charset('utf8mb4');
        }

        public function rows(string $sql, array $values = []): array
        {
            $statement = $this->link->prepare($sql);
            if ($values) {
                $statement->bind_param(str_repeat('s', count($values)), ...$values);
            }
            $statement->execute();
            $result = $statement->get_result();
            return $result === false ? [] : $result->fetch_all(MYSQLI_ASSOC);
        }
    }

    class Config
    {
        private $values = [];

        public function __construct(Db $db)
        {
            foreach ($db->rows('SELECT `key`, value FROM `' . DB_PREFIX . 'setting` WHERE store_id = 0') as $row) {
                $this->values[$row['key']] = $row['value'];
            }
        }

        public function get(string $key)
        {
            return $this->values[$key] ?? '';
        }
    }

    class Session
    {
        public $data;
        private $id;

        public function __construct(string $id, array $data)
        {
            $this->id = $id;
            $this->data = $data;
        }

        public function getId(): string
        {
            return $this->id;
        }
    }

    class User
    {
        private $permissions;

        public function __construct(array $permissions)
        {
            $this->permissions = $permissions;
        }

        public function hasPermission(string $kind, string $route): bool
        {
            return in_array($route, $this->permissions[$kind] ?? [], true);
        }
    }

    class Url
    {
        public function link(string $route, string $arguments = '', bool $secure = false): string
        {
            return 'https://shop.example.com/admin/index.php?route=' . $route . '&' . $arguments;
        }
    }

    class Response
    {
        public $headers = [];
        public $output = '';

        public function addHeader(string $header): void
        {
            $this->headers[] = $header;
        }

        public function setOutput(string $output): void
        {
            $this->output = $output;
        }

        public function redirect(string $url, int $status = 302): void
        {
            throw new Redirected($url);
        }
    }

    class Log
    {
        public $lines = [];

        public function write(string $line): void
        {
            $this->lines[] = $line;
        }
    }

    class Document
    {
        public $title = '';

        public function setTitle(string $title): void
        {
            $this->title = $title;
        }
    }

    class Currency
    {
        private $db;

        public function __construct(Db $db)
        {
            $this->db = $db;
        }

        public function getDecimalPlace(string $code): string
        {
            $rows = $this->db->rows('SELECT decimal_place FROM `' . DB_PREFIX . 'currency` WHERE code = ?', [$code]);
            return $rows ? (string)$rows[0]['decimal_place'] : '0';
        }
    }

    /** Texts; in 3.x a second name makes a Language of its own, in 4.x it is a prefix. */
    class Language
    {
        public $data = ['text_home' => 'Home', 'text_enabled' => 'Enabled', 'text_disabled' => 'Disabled'];
        private $file;
        private $major;

        public function __construct(callable $file, int $major)
        {
            $this->file = $file;
            $this->major = $major;
        }

        public function get(string $key)
        {
            return $this->data[$key] ?? $key;
        }

        public function load(string $route, string $name = ''): array
        {
            $_ = [];
            require ($this->file)($route);
            if ($name !== '' && $this->major === 3) {
                $this->data[$name] = new Language($this->file, 3);
                $this->data[$name]->load($route);
            } else {
                foreach ($_ as $key => $text) {
                    $this->data[$name === '' ? $key : $name . '_' . $key] = $text;
                }
            }
            return $this->data;
        }
    }

    class SettingModel
    {
        private $db;

        public function __construct(Db $db)
        {
            $this->db = $db;
        }

        public function editSetting(string $code, array $values, int $store = 0): void
        {
            $this->db->rows('DELETE FROM `' . DB_PREFIX . 'setting` WHERE store_id = 0 AND code = ?', [$code]);
            foreach ($values as $key => $value) {
                if (strpos($key, $code) !== 0) {
                    continue; // as OpenCart does
                }
                $this->db->rows(
                    'INSERT INTO `' . DB_PREFIX . 'setting` (store_id, code, `key`, value, serialized) VALUES (0, ?, ?, ?, 0)',
                    [$code, $key, (string)$value]
                );
            }
        }
    }

    class EventModel
    {
        private $db;

        public function __construct(Db $db)
        {
            $this->db = $db;
        }

        /** 4.x gives an array, 3.x one value after the other. */
        public function addEvent($event, string $trigger = '', string $action = '', int $status = 1): void
        {
            $event = is_array($event) ? $event : compact('trigger', 'action', 'status') + ['code' => $event];
            $this->db->rows(
                'INSERT INTO `' . DB_PREFIX . 'event` (code, `trigger`, action, status) VALUES (?, ?, ?, ?)',
                [$event['code'], $event['trigger'], $event['action'], $event['status']]
            );
        }

        public function deleteEventByCode(string $code): void
        {
            $this->db->rows('DELETE FROM `' . DB_PREFIX . 'event` WHERE code = ?', [$code]);
        }
    }

    class OrderModel
    {
        private $db;

        public function __construct(Db $db)
        {
            $this->db = $db;
        }

        public function getOrder(int $id): array
        {
            $rows = $this->db->rows(
                'SELECT o.*, (SELECT os.name FROM `' . DB_PREFIX . 'order_status` os WHERE os.order_status_id ='
                . ' o.order_status_id AND os.language_id = 1) AS order_status FROM `' . DB_PREFIX . 'order` o'
                . ' WHERE o.order_id = ?',
                [$id]
            );
            return $rows ? $rows[0] : [];
        }

        public function getProducts(int $id): array
        {
            return $this->db->rows('SELECT * FROM `' . DB_PREFIX . 'order_product` WHERE order_id = ?', [$id]);
        }

        public function getOrderProducts(int $id): array
        {
            return $this->getProducts($id);
        }
    }

    class Loader
    {
        public $views = [];
        private $registry;
        private $template;

        public function __construct(Registry $registry, callable $template)
        {
            $this->registry = $registry;
            $this->template = $template;
        }

        public function model(string $route): void
        {
            $known = [
                'setting/setting' => SettingModel::class,
                'setting/event' => EventModel::class,
                'checkout/order' => OrderModel::class,
            ];
            $this->registry->data['model_' . str_replace('/', '_', $route)] = new $known[$route]($this->registry->get('db'));
        }

        public function language(string $route, string $name = ''): array
        {
            return $this->registry->get('language')->load($route, $name);
        }

        public function controller(string $route): string
        {
            return '<!-- ' . $route . ' -->';
        }

        /** No twig here: says which names the template reads and was not given. */
        public function view(string $route, array $data): string
        {
            $text = file_get_contents(($this->template)($route));
            preg_match_all('/\{\{ (\w+)(?:\|e)? \}\}|\{% if (?:not )?(\w+) %\}|in (\w+) %\}/', $text, $found);
            $read = array_unique(array_filter(array_merge($found[1], $found[2], $found[3])));
            // OpenCart's own event gives each view the texts that are loaded.
            $given = $data + $this->registry->get('language')->data;
            return json_encode(['missing' => array_values(array_diff($read, array_keys($given))), 'data' => $data]);
        }
    }

    class Base
    {
        private $registry;

        public function __construct(Registry $registry)
        {
            $this->registry = $registry;
        }

        public function __get(string $key)
        {
            return $this->registry->get($key);
        }
    }
}

namespace Opencart\System\Engine {
    class Controller extends \Harness\Base
    {
    }
}

namespace {
    use Harness\Registry;

    class Controller extends \Harness\Base
    {
    }

    $given = json_decode(stream_get_contents(STDIN), true);
    $root = $given['root'] . '/';
    $isFour = $given['major'] === 4;
    $application = $given['application'];
    define('DB_PREFIX', $given['prefix']);
    define('DIR_STORAGE', $root . 'storage/');
    define('DIR_EXTENSION', $root . 'extension/');
    define('DIR_SYSTEM', $root . 'system/');
    // extension/meschain/module/meschain lies in extension/meschain/<application>/<kind>/module/meschain
    $path = function (string $kind, string $route, string $end) use ($root, $isFour, $application): string {
        $parts = explode('/', $route);
        return $isFour
            ? $root . 'extension/' . $parts[1] . '/' . $application . '/' . $kind . '/' . implode('/', array_slice($parts, 2)) . $end
            : $root . $application . '/' . $kind . '/' . $route . $end;
    };
    $registry = new Registry();
    $registry->data = [
        'db' => $db = new \Harness\Db($given['database']),
        'config' => new \Harness\Config($db),
        'session' => new \Harness\Session($given['session_id'], $given['session']),
        'user' => new \Harness\User($given['permissions']),
        'url' => new \Harness\Url(),
        'response' => $response = new \Harness\Response(),
        'log' => $log = new \Harness\Log(),
        'document' => new \Harness\Document(),
        'currency' => new \Harness\Currency($db),
        'language' => new \Harness\Language(function (string $route) use ($path, $given): string {
            return $path('language/' . $given['language'], $route, '.php');
        }, $given['major']),
        'request' => (object)[
            'get' => $given['get'],
            'post' => $given['post'],
            'cookie' => $given['cookies'],
            'server' => ['REQUEST_METHOD' => $given['post'] ? 'POST' : 'GET'],
        ],
    ];
    $registry->data['load'] = new \Harness\Loader($registry, function (string $route) use ($path): string {
        return $path('view/template', $route, '.twig');
    });

    $result = ['redirect' => '', 'data' => null];
    foreach ($given['calls'] as [$route, $method, $arguments]) {
        require_once $path('controller', $route, '.php');
        $words = array_map('ucfirst', explode('/', $route));
        $class = $isFour
            ? 'Opencart\\' . ucfirst($application) . '\\Controller\\' . implode('\\', $words)
            : 'Controller' . implode('', $words);
        $controller = new $class($registry);
        $references = [];
        foreach ($arguments as $index => $argument) {
            $references[$index] = &$arguments[$index]; // events are given references
        }
        try {
            call_user_func_array([$controller, $method], $references);
        } catch (\Harness\Redirected $redirected) {
            $result['redirect'] = $redirected->getMessage();
        }
        $result['arguments'] = $arguments;
    }
    $result += [
        'output' => $response->output,
        'headers' => $response->headers,
        'log' => $log->lines,
        'session' => $registry->get('session')->data,
    ];
    echo json_encode($result);
}
