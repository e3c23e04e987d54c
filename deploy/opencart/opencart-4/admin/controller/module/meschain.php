<?php
namespace Opencart\Admin\Controller\Extension\Meschain\Module;

/**
 * MesChain-Sync in the administration of OpenCart 4: settings, a menu entry, and the way into the dashboards.
 */
class Meschain extends \Opencart\System\Engine\Controller
{
    private const ROUTE = 'extension/meschain/module/meschain';

    /** @var array<string, array{string, string}> code -> trigger and action; 4.0 and 4.1 name methods differently */
    private const EVENTS = [
        'meschain_menu' => ['admin/view/common/column_left/before', self::ROUTE . '.menu'],
        'meschain_order_4_0' => ['catalog/model/checkout/order/addHistory/after', self::ROUTE . '.order'],
        'meschain_order_4_1' => ['catalog/model/checkout/order.addHistory/after', self::ROUTE . '.order'],
    ];

    /** The page of settings. */
    public function index(): void
    {
        $data = $this->load->language(self::ROUTE);
        $this->document->setTitle($this->language->get('heading_title'));
        $data['breadcrumbs'] = [
            ['text' => $this->language->get('text_home'), 'href' => $this->link('common/dashboard')],
            ['text' => $this->language->get('text_extension'), 'href' => $this->link('marketplace/extension', '&type=module')],
            ['text' => $this->language->get('heading_title'), 'href' => $this->link(self::ROUTE)],
        ];
        $data['save'] = $this->link(self::ROUTE . '.save');
        $data['open'] = $this->link(self::ROUTE . '.open');
        $data['back'] = $this->link('marketplace/extension', '&type=module');
        foreach (['url', 'status', 'orders'] as $name) {
            $data['module_meschain_' . $name] = (string)$this->config->get('module_meschain_' . $name);
        }
        $data['has_key'] = (string)$this->config->get('module_meschain_key') !== '';
        $data['error_warning'] = (string)($this->session->data['meschain_error'] ?? '');
        unset($this->session->data['meschain_error']);
        $data['header'] = $this->load->controller('common/header');
        $data['column_left'] = $this->load->controller('common/column_left');
        $data['footer'] = $this->load->controller('common/footer');
        $this->response->setOutput($this->load->view(self::ROUTE, $data));
    }

    /** Takes the form of settings, and answers JSON as the administration's own scripts expect it. */
    public function save(): void
    {
        $this->load->language(self::ROUTE);
        $this->library('meschain_shop');
        $json = [];
        [$settings, $wrong] = \MesChainShop::settings($this->request->post, (string)$this->config->get('module_meschain_key'));
        foreach ($wrong as $name) {
            $json['error'][$name] = $this->language->get('error_' . $name);
        }
        if (!$this->user->hasPermission('modify', self::ROUTE)) {
            $json = ['error' => ['warning' => $this->language->get('error_permission')]];
        }
        if (!$json) {
            $this->load->model('setting/setting');
            $this->model_setting_setting->editSetting('module_meschain', $settings);
            $json['success'] = $this->language->get('text_success');
        }
        $this->answer($json);
    }

    /** Sends the administrator to the dashboards, logged in. */
    public function open(): void
    {
        $this->load->language(self::ROUTE);
        $address = '';
        try {
            $address = $this->signIn()->address();
        } catch (\MesChainSignInFailed $error) {
            $this->session->data['meschain_error'] = $error->getMessage();
        }
        $this->response->redirect($address ?: $this->link(self::ROUTE));
    }

    /** A token for scripts in the administration, as JSON. */
    public function token(): void
    {
        $this->load->language(self::ROUTE);
        try {
            $this->answer($this->signIn()->token());
        } catch (\MesChainSignInFailed $error) {
            $this->response->addHeader('HTTP/1.1 ' . ($error->getCode() === 0 ? '502 Bad Gateway' : '403 Forbidden'));
            $this->answer(['error' => $error->getMessage()]);
        }
    }

    /**
     * Event: adds the entry to the menu.
     *
     * @param array<string, mixed> $data
     */
    public function menu(string &$route, array &$data): void
    {
        if (!$this->config->get('module_meschain_status') || !$this->user->hasPermission('access', self::ROUTE)) {
            return;
        }
        $this->load->language(self::ROUTE, 'meschain');
        $data['menus'][] = [
            'id' => 'menu-meschain',
            'icon' => 'fa-solid fa-satellite-dish',
            'name' => $this->language->get('meschain_heading_title'),
            'href' => '',
            'children' => [
                [
                    'name' => $this->language->get('meschain_text_dashboards'),
                    'href' => $this->link(self::ROUTE . '.open'),
                    'children' => [],
                ],
                ['name' => $this->language->get('meschain_text_settings'), 'href' => $this->link(self::ROUTE), 'children' => []],
            ],
        ];
    }

    /** Called by OpenCart. */
    public function install(): void
    {
        $this->uninstall();
        foreach (self::EVENTS as $code => [$trigger, $action]) {
            $this->model_setting_event->addEvent([
                'code' => $code,
                'description' => 'MesChain-Sync',
                'trigger' => $trigger,
                'action' => $action,
                'status' => 1,
                'sort_order' => 0,
            ]);
        }
    }

    /** Called by OpenCart. */
    public function uninstall(): void
    {
        $this->load->model('setting/event');
        foreach (array_keys(self::EVENTS) as $code) {
            $this->model_setting_event->deleteEventByCode($code);
        }
    }

    private function signIn(): \MesChainSignIn
    {
        $this->library('meschain_sign_in');
        $this->library('meschain_shop');
        if (!$this->user->hasPermission('access', self::ROUTE)) {
            throw new \MesChainSignInFailed($this->language->get('error_permission'), 403);
        }
        if (!$this->config->get('module_meschain_status') || !$this->config->get('module_meschain_url')) {
            throw new \MesChainSignInFailed($this->language->get('error_off'), 403);
        }
        return new \MesChainSignIn(
            (string)$this->config->get('module_meschain_url'),
            $this->session->getId(),
            (string)$this->session->data['user_token'],
            \MesChainShop::deviceToken($this->request->cookie)
        );
    }

    private function link(string $route, string $more = ''): string
    {
        return $this->url->link($route, 'user_token=' . $this->session->data['user_token'] . $more, true);
    }

    private function library(string $name): void
    {
        require_once DIR_EXTENSION . 'meschain/system/library/' . $name . '.php';
    }

    /** @param array<string, mixed> $json */
    private function answer(array $json): void
    {
        $this->response->addHeader('Content-Type: application/json');
        $this->response->addHeader('Cache-Control: no-store');
        $this->response->setOutput(json_encode($json));
    }
}
